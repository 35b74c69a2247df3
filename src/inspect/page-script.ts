/**
 * The script of the page that shows the inspector. It hands what this process sends to Stately's frame, once that has
 * answered, and until then shows the same records as charts of its own. It names the frame's origin in each message,
 * so that no other page can be handed a record. `ORIGIN` and `PATIENCE_MS` are defined by the page.
 */
export const pageScript = `
const byId = (id) => document.getElementById(id)
const element = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? '' })
const frame = byId('inspector')
const waiting = []
const actors = new Map()
const pictures = new Map()
let ready = false
let chosen
let shown

const say = (text) => { byId('status').textContent = text }
const view = (name) => {
  document.body.className = name
  byId('other').textContent = name === 'stately' ? 'Show the charts of this page' : 'Show the Stately inspector'
}
byId('other').onclick = () => view(document.body.className === 'stately' ? 'own' : 'stately')
setTimeout(() => {
  if (!ready)
    say('The Stately inspector does not answer. It is loaded from ' + ORIGIN + ', which needs the internet in this browser. ' +
      'The charts below come from this process and need none.')
}, PATIENCE_MS)

const pass = (record) => frame.contentWindow.postMessage(record, ORIGIN)
addEventListener('message', ({ data, source, origin }) => {
  if (origin !== ORIGIN || source !== frame.contentWindow || data?.type !== '@statelyai.connected') return
  if (!ready) {
    say('The Stately inspector, from ' + ORIGIN)
    byId('other').hidden = false
    view('stately')
  }
  ready = true
  for (const record of waiting.splice(0)) pass(record)
})

/** Ids of the states that a state value names, with all the states around them. */
const idsOf = (root, value) => {
  if (typeof value === 'string') return [root, root + '.' + value]
  if (typeof value !== 'object' || value === null) return [root]
  return [root, ...Object.entries(value).flatMap(([key, inner]) => idsOf(root + '.' + key, inner))]
}
const leavesOf = (value) =>
  typeof value === 'string' ? value : Object.entries(value ?? {}).map(([key, inner]) => key + '.' + leavesOf(inner)).join(', ')

/** A machine without a picture is shown as a list of its states. */
const outline = (id, definition) => {
  const item = element('li', '')
  const name = item.appendChild(element('span', 'name', id.slice(id.lastIndexOf('.') + 1)))
  name.dataset.state = id
  const list = element('ul', '')
  for (const [key, inner] of Object.entries(definition.states ?? {})) list.append(outline(id + '.' + key, inner))
  if (list.firstChild) item.append(list)
  return item
}
const pictureOf = (definition) => {
  const { id } = definition
  if (!pictures.has(id)) pictures.set(id, fetch('charts/' + encodeURIComponent(id) + '.svg').then(async (response) => {
    if (!response.ok) throw new Error('no picture')
    const text = await response.text()
    const style = /<style>([\\s\\S]*?)<\\/style>/.exec(text)
    if (style && document.adoptedStyleSheets.length === 0) {
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(style[1])
      document.adoptedStyleSheets = [sheet]
    }
    return document.importNode(
      new DOMParser().parseFromString(text.replace(/<style>[\\s\\S]*?<\\/style>/, ''), 'image/svg+xml').documentElement, true)
  }).catch(() => {
    const list = element('ul', 'outline')
    list.append(outline(id, definition))
    return list
  }))
  return pictures.get(id)
}
const light = ({ definition, value }) => {
  const active = new Set(idsOf(definition.id, value))
  for (const state of byId('chart').querySelectorAll('[data-state]'))
    state.classList.toggle('active', active.has(state.getAttribute('data-state')))
}
const choose = async (sessionId) => {
  chosen = sessionId
  const actor = actors.get(sessionId)
  for (const { button } of actors.values()) button.ariaPressed = String(button === actor.button)
  const picture = await pictureOf(actor.definition)
  if (chosen !== sessionId) return
  if (shown !== picture) byId('chart').replaceChildren(picture)
  shown = picture
  light(actor)
}
const track = ({ type, sessionId, name, definition, snapshot }) => {
  let actor = actors.get(sessionId)
  if (type === '@xstate.actor') {
    const parsed = definition && JSON.parse(definition)
    if (!actor && parsed?.states) {
      const button = element('button', '')
      button.append(element('b', '', name ?? sessionId), element('span', ''))
      button.onclick = () => choose(sessionId)
      actor = { definition: parsed, button, value: undefined }
      actors.set(sessionId, actor)
      byId('actors').append(button)
    }
  }
  if (!actor || !snapshot) return
  if (snapshot.status && snapshot.status !== 'active') {
    actor.button.remove()
    actors.delete(sessionId)
    if (chosen === sessionId) chosen = undefined
    return
  }
  if (snapshot.value !== undefined) actor.value = snapshot.value
  actor.button.lastChild.textContent = leavesOf(actor.value)
  if (chosen === undefined) choose(sessionId)
  else if (chosen === sessionId) light(actor)
}

const connect = () => {
  const socket = new WebSocket('ws://' + location.host)
  socket.onopen = () => {
    for (const { button } of actors.values()) button.remove()
    actors.clear()
    chosen = undefined
    byId('process').textContent = ''
  }
  socket.onmessage = ({ data }) => {
    const record = JSON.parse(data)
    track(record)
    if (ready) pass(record)
    else if (waiting.push(record) > 1000) waiting.shift()
  }
  socket.onclose = () => {
    byId('process').textContent = 'The process has ended or no longer sends; what is shown is its last state.'
    setTimeout(connect, 2000)
  }
}
connect()
`
