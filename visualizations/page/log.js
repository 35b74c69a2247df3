import { byId, h, say, timeOf, words } from './dom.js'

const longestLog = 40

/** @param {any} entry */
const keyOf = ({ at, kind, id, to }) => `${at} ${kind} ${id} ${to}`

/** @param {any} entry */
function line({ at, kind, id, from, to, message }) {
  const what =
    kind === 'config'
      ? [h('strong', {}, `version ${to} `), message]
      : [
          h('strong', {}, id ?? 'system'),
          ` ${kind} `,
          from ? h('span', { className: 'quiet' }, words(from), ' → ') : null,
          h('em', {}, words(to ?? '')),
          message ? h('span', { className: 'quiet' }, ` ${message}`) : null,
        ]
  const refused = kind === 'crash' || message?.startsWith('refused')
  return h('li', refused ? { className: 'bad' } : {}, h('time', {}, timeOf(at)), h('span', {}, ...what))
}

/** @param {string} id @param {any[]} entries */
const fill = (id, entries) =>
  byId(id).replaceChildren(
    ...(entries.length
      ? entries.slice(0, longestLog).map(line)
      : [h('li', { className: 'quiet' }, 'none yet')]),
  )

/** The recent transitions and configuration changes. @param {(entry: any) => void} onFresh what happened while the page was open */
export function createLog(onFresh) {
  /** @type {any[]} */
  let history = []
  let isFirst = true
  // What scrolls has to be reached by the keyboard.
  for (const id of ['transitions', 'changes']) byId(id).tabIndex = 0

  return {
    /** Transitions of an exporter, oldest first. @param {string} id */
    of: (id) => history.filter((entry) => entry.id === id && entry.kind !== 'config'),
    /** @param {any[]} latest oldest first */
    show(latest) {
      const before = new Set(history.map(keyOf))
      const fresh = isFirst ? [] : latest.filter((entry) => !before.has(keyOf(entry)))
      history = latest
      isFirst = false
      const newestFirst = latest.toReversed()
      fill(
        'transitions',
        newestFirst.filter(({ kind }) => kind !== 'config'),
      )
      fill(
        'changes',
        newestFirst.filter(({ kind }) => kind === 'config'),
      )
      for (const entry of fresh) onFresh(entry)
      const spoken = fresh.filter(({ kind }) => kind !== 'config').slice(-3)
      if (spoken.length)
        say(byId('announcer'), spoken.map(({ id, kind, to }) => `${id} ${kind} ${words(to)}`).join(', '))
    },
  }
}
