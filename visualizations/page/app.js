import { follow, getJson, Refusal, useToken } from './api.js'
import { createCard } from './card.js'
import { createChart } from './chart.js'
import { createConfiguration } from './configuration.js'
import { byId, count, h, say, toast } from './dom.js'
import { createFleet } from './fleet.js'
import { createLog } from './log.js'
import { createOverview } from './overview.js'
import { review } from './review.js'
import { createSampleStore } from './samples.js'
import { createTap } from './tap.js'

const drawMs = 1000

/** @type {Map<string, ReturnType<typeof createCard>>} */
const cards = new Map()
const systemChart = createSystem()
const systemConfiguration = createConfiguration('telemetry: configuration', review)
byId('system-configuration').append(systemConfiguration.element)

let following = new AbortController()
let version = -1
const overview = createOverview((id) => cards.get(id)?.show())
const log = createLog((entry) => cards.get(entry.id)?.recall(entry))
const fleet = createFleet()
const samples = createSampleStore()
const tap = createTap()
/** @type {Record<string, any>} */
let current = {}

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

/** Milliseconds that the server's clock is ahead of ours. */
let skew = 0
const host = { review, skew: () => skew }

/** @param {any} state */
function showState({ system, fleet: hasFleet, bus, exporters }) {
  const pill = byId('system')
  pill.hidden = false
  say(pill, system.name)
  pill.dataset.tone = system.name === 'running' ? 'good' : 'warn'
  systemChart.light(system.chart)
  fleet.offer(hasFleet, following.signal)
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
  const isFirst = Object.keys(current).length === 0
  current = exporters
  samples.setNow(exporters)
  // A state that changes is news at once; the rates can wait for the next drawing.
  overview.update(exporters)
  if (isFirst) draw()
}

/** Everything that moves with the time. */
function draw() {
  if (byId('board').hidden || document.visibilityState === 'hidden') return
  const at = Date.now() + skew
  overview.update(current)
  overview.draw((id) => samples.of(id, at))
  for (const [id, card] of cards) card.draw(samples.of(id, at), log.of(id))
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let reading
/** Reads the samples, and again whenever there is a new one. @param {AbortSignal} signal */
async function readSamples(signal) {
  clearTimeout(reading)
  if (signal.aborted) return
  let pause = drawMs
  try {
    pause = await samples.read()
    draw()
  } catch {
    // The stream of events says that the server is gone.
  }
  clearTimeout(reading)
  reading = setTimeout(readSamples, pause, signal)
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
  else if (topic === 'history') log.show(data)
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
  if (!linked) return
  version = -1
  samples.forget()
  readSamples(following.signal)
}

function askForToken(/** @type {string} */ why = '') {
  following.abort()
  tap.stop()
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
    askForToken(refused ? 'The admin API does not accept this token.' : /** @type {Error} */ (error).message)
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
    onRefused: () => askForToken('The admin API no longer accepts the token.'),
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
  for (const card of cards.values()) card.tick()
}, 100)
setInterval(draw, drawMs)

connect(undefined)
