import { h, say } from './dom.js'
import { createField, nameOfLayer } from './field.js'
import { kindOf, shown } from './values.js'

/**
 * A form over `GET /config`: one field per key, with its meaning and where its value comes from. It never holds a
 * secret: a secret field is empty, and what is typed into it replaces the secret.
 * @param {string} title
 * @param {(changes: any[]) => Promise<any>} review resolves when applied; rejects with the problems
 */
export function createConfiguration(title, review) {
  /** @type {Map<string, ReturnType<typeof createField>>} */
  const fields = new Map()
  const rows = h('div', { className: 'keys' })
  const general = h('p', { className: 'error', role: 'alert' })
  const summary = h('span', { className: 'quiet', role: 'status' })
  const apply = h('button', { type: 'submit', className: 'primary', disabled: true }, 'Review changes')
  const discard = h('button', { type: 'reset', className: 'plain', disabled: true }, 'Discard')
  const filter = h('input', {
    type: 'search',
    placeholder: 'filter keys',
    'aria-label': `Filter the keys of ${title}`,
    oninput: () => narrow(),
  })
  const form = h(
    'form',
    { noValidate: true, autocomplete: 'off', onsubmit: submit, onreset: reset },
    h('div', { className: 'form-head' }, filter),
    general,
    rows,
    h('div', { className: 'form-foot' }, summary, h('span', { className: 'gap' }), discard, apply),
  )
  const element = h('details', { className: 'configuration' }, h('summary', {}, title), form)

  function narrow() {
    const wanted = filter.value.trim().toLowerCase()
    for (const { row, explanation } of fields.values())
      row.hidden = !`${explanation.path} ${explanation.doc}`.toLowerCase().includes(wanted)
  }

  const pending = () => [...fields.values()].filter((field) => field.isChanged())

  function count() {
    const { length } = pending()
    apply.disabled = discard.disabled = length === 0
    say(summary, length === 0 ? '' : `${length} ${length === 1 ? 'change' : 'changes'} not applied`)
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault()
    say(general, '')
    const changed = pending()
    if (changed.length === 0) return
    const changes = changed.map(({ explanation, value }) => ({
      path: explanation.path,
      before: explanation.value,
      after: value(),
      shown: explanation.sensitive ? 'a new secret' : shown(value()),
    }))
    try {
      if (!(await review(changes))) return
    } catch (refused) {
      place(refused)
      return
    }
    for (const field of changed) field.settle()
    count()
  }

  /** Takes a runtime value away, after a look at what comes in force instead. @param {any} field */
  async function remove(field) {
    const { path, value, sensitive, shadows } = field.explanation
    const below = sensitive ? 'the secret below it' : shown(shadows[0]?.value)
    say(general, '')
    field.complain('')
    await review([
      { path, before: value, unset: true, shown: `${below} (${nameOfLayer(shadows[0]?.layer)})` },
    ]).catch(place)
  }

  /** Each problem beside its field; the rest above them. @param {any} refused */
  function place(refused) {
    const rest = []
    let first
    for (const field of fields.values()) field.complain('')
    for (const { path, message } of refused.problems ?? []) {
      const field = fields.get(path)
      if (!field) {
        rest.push(message)
        continue
      }
      field.complain(message)
      field.row.hidden = false
      first ??= field
    }
    if (!refused.problems?.length) rest.push(refused.message)
    say(general, rest.join('\n'))
    first?.input.focus()
  }

  function reset(/** @type {Event} */ event) {
    event.preventDefault()
    say(general, '')
    for (const field of fields.values()) field.discard()
  }

  /** @param {any} explanation */
  function fieldOf(explanation) {
    const known = fields.get(explanation.path)
    if (known && known.kind === kindOf(explanation)) return known
    const made = createField(explanation, { onInput: count, onUnset: remove })
    if (known) known.row.replaceWith(made.row)
    else rows.append(made.row)
    fields.set(explanation.path, made)
    return made
  }

  return {
    element,
    /** @param {any[]} explanations */
    update(explanations) {
      const paths = new Set(explanations.map(({ path }) => path))
      for (const [path, { row }] of fields) {
        if (paths.has(path)) continue
        row.remove()
        fields.delete(path)
      }
      for (const explanation of explanations) fieldOf(explanation).fill(explanation)
      count()
    },
  }
}
