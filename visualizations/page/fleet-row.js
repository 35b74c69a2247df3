import { count, h, say, words } from './dom.js'
import { lostOf, toneOfBreaker, toneOfState } from './severity.js'

const maxExporters = 4
const maxProblems = 3

const tones = /** @type {Record<string, string>} */ ({
  current: 'good',
  refused: 'bad',
  silent: 'bad',
  unreadable: 'bad',
  behind: 'warn',
  canary: 'warn',
})

/** @param {number} ms */
export function ageInWords(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s ago`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`
}

const isLetting = (/** @type {string} */ breaker) => breaker === 'closed' || breaker === 'disabled'

/** @param {any} exporter */
function exporterPill({ id, state, breaker }) {
  const isOpen = !isLetting(breaker)
  const text = `${id} ${words(state)}${isOpen ? `, breaker ${words(breaker)}` : ''}`
  const pill = h('span', { className: 'pill' }, text)
  pill.dataset.tone = isOpen && state === 'serving' ? toneOfBreaker(breaker) : toneOfState(state)
  return pill
}

/** What is wrong with a node, in lines. @param {any} node */
function problemsOf({ state, refused, warnings = [], exporters = [] }) {
  const lines = []
  if (state === 'unreadable') lines.push('The value that this node has written is not a valid status.')
  if (refused) {
    const { revision, problems, omitted } = refused
    const more = Math.max(problems.length - maxProblems, 0) + omitted
    lines.push(`Revision ${revision} was refused:`, ...problems.slice(0, maxProblems))
    if (more > 0) lines.push(`and ${count(more)} more`)
  }
  for (const { id, breaker, lastError } of exporters)
    if (!isLetting(breaker) && lastError) lines.push(`${id}: ${lastError}`)
  return [...lines, ...warnings].slice(0, 2 * maxProblems + 2)
}

/** The row of one node of a fleet. @param {string} name */
export function createFleetRow(name) {
  const cell = (/** @type {string} */ label, /** @type {any[]} */ ...content) =>
    h('td', { 'data-label': label, 'data-cell': label }, ...content)
  const state = h('span', { className: 'pill' })
  const role = h('small', { className: 'quiet' })
  const problems = h('div', { className: 'error foreign' })
  const exporters = h('div', { className: 'pills' })
  const [revision, delivered, waiting, lost, heard] = [h('span'), h('span'), h('span'), h('span'), h('span')]
  const element = h(
    'tr',
    { 'data-node': name },
    h('th', { scope: 'row' }, h('bdi', {}, name), ' ', role),
    cell('state', state, problems),
    cell('revision', revision),
    cell('exporters', exporters),
    cell('delivered', delivered),
    cell('waiting', waiting),
    cell('lost', lost),
    cell('heard', heard),
  )
  let drawn = ''

  return {
    element,
    /** @param {any} node @param {number} now the server's time, in epoch milliseconds */
    update(node, now) {
      say(heard, ageInWords(now - node.heardAt))
      const { heardAt, ...rest } = node
      const text = JSON.stringify(rest)
      if (text === drawn) return
      drawn = text
      say(state, node.state === 'current' ? 'up to date' : words(node.state))
      state.dataset.tone = tones[node.state] ?? 'calm'
      say(role, [node.role === 'node' ? '' : node.role, node.version].filter(Boolean).join(' '))
      say(problems, problemsOf(node).join('\n'))
      say(
        revision,
        node.revision === undefined ? '' : `${node.revision}${node.cached ? ', from its cache' : ''}`,
      )
      const shown = (node.exporters ?? []).slice(0, maxExporters)
      const more = (node.exporters?.length ?? 0) - shown.length + (node.omittedExporters ?? 0)
      exporters.replaceChildren(
        ...shown.map(exporterPill),
        ...(more > 0 ? [h('span', { className: 'quiet' }, `and ${count(more)} more`)] : []),
      )
      const { totals } = node
      say(delivered, totals ? count(totals.delivered) : '')
      say(waiting, totals ? count(totals.pending) : '')
      const gone = totals ? lostOf(totals.dropped) : 0
      say(lost, totals ? count(gone) : '')
      lost.dataset.tone = gone > 0 ? 'warn' : ''
    },
  }
}
