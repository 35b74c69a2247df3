import { follow, getJson, patchConfig, Refusal, unsetConfig, useToken } from './api.js'
import { createCard } from './card.js'
import { createChart } from './chart.js'
import { createConfiguration } from './configuration.js'
import { byId, count, h, say, timeOf, toast, words } from './dom.js'
import { shown } from './values.js'

/** @type {Map<string, ReturnType<typeof createCard>>} */
const cards = new Map()
const systemChart = createSystem()
const systemConfiguration = createConfiguration('telemetry: configuration', review)
byId('system-configuration').append(systemConfiguration.element)

let following = new AbortController()
let version = -1
/** @type {any[]} */
let lastHistory = []
let isFirstHistory = true

function createSystem() {
  /** @type {ReturnType<typeof createChart> | undefined} */
  let chart
  return {
    /** Fetched once signed in. @param {unknown} value */
    light(value) {
      if (!chart) {
        chart = createChart('system', { title: 'system' })
        byId('system-chart').append(chart.element)
      }
      chart.light(value)
    },
  }
}

/** Shows the differences and applies them when told to: values to put, or one to unset. @param {any[]} changes @returns {Promise<any>} */
function review(changes) {
  const dialog = byId('review')
  const [error, body] = [dialog.querySelector('.error'), dialog.querySelector('tbody')]
  const apply = dialog.querySelector('[value=apply]')
  say(error, '')
  body.replaceChildren(
    ...changes.map(({ path, before, shown: after }) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, path.replace(/^telemetry\./, '')),
        h('td', { className: 'old' }, shown(before)),
        h('td', { className: 'new' }, after),
      ),
    ),
  )
  return new Promise((resolve, reject) => {
    const done = new AbortController()
    const { signal } = done
    /** @type {Refusal | undefined} */
    let refused
    const end = (/** @type {any} */ result) => {
      done.abort()
      dialog.close()
      if (refused) reject(refused)
      else resolve(result)
    }
    dialog.addEventListener('close', () => end(undefined), { signal })
    dialog.querySelector('[value=cancel]').addEventListener('click', () => end(undefined), { signal })
    apply.addEventListener(
      'click',
      async () => {
        apply.disabled = true
        try {
          const result = changes[0].unset
            ? await unsetConfig(changes[0].path)
            : await patchConfig(Object.fromEntries(changes.map(({ path, after }) => [path, after])))
          toast(`In force as version ${result.version}`)
          end(result)
        } catch (thrown) {
          refused = /** @type {Refusal} */ (thrown)
          const { length } = refused.problems ?? []
          toast(`Refused: ${length > 1 ? `${length} problems` : refused.message}`, 'bad')
          end(undefined)
        } finally {
          apply.disabled = false
        }
      },
      { signal },
    )
    dialog.showModal()
    apply.focus()
  })
}

/** Milliseconds that the server's clock is ahead of ours. */
let skew = 0
const host = { review, skew: () => skew }

/** @param {any} state */
function showState({ system, bus, exporters }) {
  const pill = byId('system')
  pill.hidden = false
  say(pill, system.name)
  pill.dataset.tone = system.name === 'running' ? 'good' : 'warn'
  systemChart.light(system.chart)
  const dropped = Object.values(bus.dropped).reduce((sum, one) => sum + Number(one), 0)
  const facts = { emitted: bus.emitted, unrouted: bus.unrouted, dropped, handlers: bus.handlers }
  byId('bus').replaceChildren(
    ...Object.entries(facts).map(([name, value]) =>
      h('div', {}, h('dt', {}, name), h('dd', {}, count(value))),
    ),
  )
  for (const [id, status] of Object.entries(exporters)) {
    let card = cards.get(id)
    if (!card) {
      card = createCard(id, host)
      cards.set(id, card)
      byId('exporters').append(card.element)
      version = -1
    }
    card.update(status)
  }
  for (const [id, card] of cards) {
    if (Object.hasOwn(exporters, id)) continue
    card.element.remove()
    cards.delete(id)
  }
}

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

/** @param {any[]} history */
function showHistory(history) {
  const before = new Set(lastHistory.map(keyOf))
  const fresh = isFirstHistory ? [] : history.filter((entry) => !before.has(keyOf(entry)))
  lastHistory = history
  isFirstHistory = false
  const latest = history.toReversed()
  const fill = (/** @type {string} */ id, /** @type {any[]} */ entries) =>
    byId(id).replaceChildren(
      ...(entries.length ? entries.slice(0, 40).map(line) : [h('li', { className: 'quiet' }, 'none yet')]),
    )
  fill(
    'transitions',
    latest.filter(({ kind }) => kind !== 'config'),
  )
  fill(
    'changes',
    latest.filter(({ kind }) => kind === 'config'),
  )
  for (const entry of fresh) cards.get(entry.id)?.recall(entry)
  const spoken = fresh.filter(({ kind }) => kind !== 'config').slice(-3)
  if (spoken.length)
    say(byId('announcer'), spoken.map(({ id, kind, to }) => `${id} ${kind} ${words(to)}`).join(', '))
}

async function showConfiguration() {
  const explanations = await getJson('config')
  const idOf = (/** @type {any} */ { path }) => path.split('.').slice(1, -1).join('.')
  systemConfiguration.update(explanations.filter((/** @type {any} */ one) => idOf(one) === ''))
  for (const [id, card] of cards)
    card.configuration.update(explanations.filter((/** @type {any} */ one) => idOf(one) === id))
}

/** @param {string} topic @param {any} data */
function onEvent(topic, data) {
  if (topic === 'clock') skew = data - Date.now()
  else if (topic === 'state') showState(data)
  else if (topic === 'history') showHistory(data)
  else if (topic === 'config') say(byId('version'), `configuration version ${data.version}`)
  const latest = topic === 'config' ? data.version : version
  if (latest === version) return
  version = latest
  showConfiguration().catch((error) => toast(`The configuration could not be read: ${error.message}`, 'bad'))
}

/** @param {boolean} linked */
function onLink(linked) {
  const pill = byId('connection')
  say(pill, linked ? 'live' : 'reconnecting…')
  pill.dataset.tone = linked ? 'good' : 'warn'
  document.body.classList.toggle('stale', !linked)
  if (linked) version = -1
}

function askForToken(/** @type {string} */ why = '') {
  following.abort()
  useToken(undefined)
  byId('board').hidden = true
  byId('sign-out').hidden = true
  byId('sign-in').hidden = false
  say(byId('connection'), 'not connected')
  byId('connection').dataset.tone = 'calm'
  say(byId('sign-in-error'), why)
  byId('token').value = ''
  byId('token').focus()
}

/** @param {string | undefined} token */
async function connect(token) {
  useToken(token)
  try {
    // Asked first, and not simply refused: browsers report a refusal as an error of the page.
    const { authorized } =
      token === undefined
        ? await getJson('healthz')
        : await getJson('status').then(() => ({ authorized: true }))
    if (!authorized) return askForToken()
  } catch (error) {
    const refused = error instanceof Refusal && error.status === 401
    askForToken(refused ? 'This is not the token.' : /** @type {Error} */ (error).message)
    return
  }
  byId('sign-in').hidden = true
  byId('board').hidden = false
  byId('sign-out').hidden = token === undefined
  following = new AbortController()
  follow({
    signal: following.signal,
    onEvent,
    onLink,
    onRefused: () => askForToken('The token is no longer accepted.'),
  })
}

byId('sign-in')
  .querySelector('form')
  .addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault()
    connect(byId('token').value.trim())
  })
byId('sign-out').addEventListener('click', () => askForToken())
for (const button of document.querySelectorAll('dialog [value=cancel]'))
  button.addEventListener('click', () => button.closest('dialog')?.close())
setInterval(() => {
  for (const card of cards.values()) card.sample()
}, 100)

connect(undefined)
