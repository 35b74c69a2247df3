import { openTap } from './api.js'
import { byId, h, say, timeOf } from './dom.js'

const mostLines = 200
const drawMs = 250

/** @param {any} event */
function line({ name, time, measurements, metadata }) {
  const text = JSON.stringify({ ...measurements, ...metadata })
  return h(
    'li',
    {},
    h('time', {}, timeOf(time)),
    h('span', {}, h('strong', {}, name), ' ', h('code', {}, text === '{}' ? '' : text)),
  )
}

/** Live events that match a glob, the newest first. Nothing is asked for before somebody starts it. */
export function createTap() {
  const [form, list, status, error] = ['tap-form', 'tap-events', 'tap-status', 'tap-error'].map(byId)
  // What scrolls has to be reached by the keyboard.
  list.tabIndex = 0
  const pattern = byId('tap-pattern')
  const start = byId('tap-start')
  const pause = byId('tap-stop')
  /** @type {AbortController | undefined} */
  let following
  /** @type {any[]} */
  let arrived = []
  let seen = 0
  let skipped = 0

  function draw() {
    if (arrived.length > 0) {
      list.prepend(...arrived.slice(-mostLines).reverse().map(line))
      while (list.children.length > mostLines) list.lastElementChild.remove()
      arrived = []
    }
    const left = skipped > 0 ? `, ${skipped} left out: they came too fast` : ''
    const events = `${seen} ${seen === 1 ? 'event' : 'events'}${left}`
    say(
      status,
      following ? (seen === 0 ? 'waiting for an event' : events) : seen > 0 ? `stopped after ${events}` : '',
    )
  }

  function stop() {
    following?.abort()
    following = undefined
    start.hidden = false
    pause.hidden = true
    draw()
  }

  async function begin() {
    stop()
    say(error, '')
    list.replaceChildren()
    ;[arrived, seen, skipped] = [[], 0, 0]
    const mine = new AbortController()
    following = mine
    start.hidden = true
    pause.hidden = false
    pause.focus()
    draw()
    const timer = setInterval(draw, drawMs)
    const patterns = pattern.value.split(/[\s,]+/).filter(Boolean)
    try {
      for await (const event of openTap(patterns, mine.signal)) {
        if (event.skipped) skipped += event.skipped
        else {
          seen += 1
          arrived.push(event)
        }
      }
      if (!mine.signal.aborted)
        say(error, 'The server has closed the tap. Start it again to see more events.')
    } catch (thrown) {
      if (!mine.signal.aborted) say(error, /** @type {Error} */ (thrown).message)
    } finally {
      clearInterval(timer)
      if (following === mine) stop()
    }
  }

  form.addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault()
    begin()
  })
  pause.addEventListener('click', () => {
    stop()
    start.focus()
  })
  byId('tap').addEventListener('toggle', () => {
    if (!byId('tap').open) stop()
  })
  return { stop }
}
