import { patchConfig, unsetConfig } from './api.js'
import { byId, h, makeScrollable, say, toast } from './dom.js'
import { shown } from './values.js'

/** @param {any[]} changes values to put, or one to unset */
const send = (changes) =>
  changes[0].unset
    ? unsetConfig(changes[0].path)
    : patchConfig(Object.fromEntries(changes.map(({ path, after }) => [path, after])))

/** @param {any} change */
const row = ({ path, before, shown: after }) =>
  h(
    'tr',
    {},
    h('th', { scope: 'row' }, path.replace(/^telemetry\./, '')),
    h('td', { className: 'old' }, shown(before)),
    h('td', { className: 'new' }, after),
  )

/**
 * Shows the differences and applies them when told to. Resolves with the result, or undefined if nothing was applied;
 * rejects with the refusal.
 * @param {any[]} changes values to put, or one to unset
 * @returns {Promise<any>}
 */
export function review(changes) {
  const dialog = byId('review')
  const apply = dialog.querySelector('[value=apply]')
  say(dialog.querySelector('.error'), '')
  makeScrollable(dialog.querySelector('.scroll'), 'Changes')
  dialog.querySelector('tbody').replaceChildren(...changes.map(row))
  return new Promise((resolve, reject) => {
    const done = new AbortController()
    const { signal } = done
    /** @type {any} */
    let refused
    const end = (/** @type {any} */ result) => {
      done.abort()
      dialog.close()
      if (refused) reject(refused)
      else resolve(result)
    }
    const applyThem = async () => {
      apply.disabled = true
      try {
        const result = await send(changes)
        toast(`In force as version ${result.version}`)
        end(result)
      } catch (thrown) {
        refused = thrown
        const { length } = refused.problems ?? []
        toast(`Refused: ${length > 1 ? `${length} problems` : refused.message}`, 'bad')
        end(undefined)
      } finally {
        apply.disabled = false
      }
    }
    dialog.addEventListener('close', () => end(undefined), { signal })
    dialog.querySelector('[value=cancel]').addEventListener('click', () => end(undefined), { signal })
    apply.addEventListener('click', applyThem, { signal })
    dialog.showModal()
    apply.focus()
  })
}
