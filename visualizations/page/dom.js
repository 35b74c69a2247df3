/**
 * Makes an element. Text goes in as text: nothing a backend or a configuration says is ever parsed as markup.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] `on…` listeners, `data-…` and `aria-…` attributes, else properties
 * @param {...(Node | string | null | undefined)} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), /** @type {any} */ (value))
    else if (name.includes('-') || name === 'for' || name === 'role')
      element.setAttribute(name, String(value))
    else element[name] = value
  }
  element.append(...children.filter((child) => child !== null && child !== undefined))
  return element
}

const svgSpace = 'http://www.w3.org/2000/svg'

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Node} children
 * @returns {any}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(svgSpace, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id)

/** Changes a text only where it differs: a selection survives, and nothing is announced twice. @param {any} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat('en')

/** @param {number} value */
export const count = (value) => (value < 100_000 ? whole.format(Math.round(value)) : compact.format(value))

/** @param {number} at epoch milliseconds */
export const timeOf = (at) => new Date(at).toLocaleTimeString('en-GB')

/** @param {string} state */
export const words = (state) => state.replaceAll('_', ' ')

/** What scrolls has to be reached by the keyboard. @param {any} element @param {string} name */
export function makeScrollable(element, name) {
  element.tabIndex = 0
  element.setAttribute('role', 'group')
  element.setAttribute('aria-label', name)
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let fading

/** A few words in their own place of the header, for some seconds; read out by screen readers. @param {string} text @param {'good' | 'bad'} kind */
export function toast(text, kind = 'good') {
  clearTimeout(fading)
  byId('toasts').replaceChildren(h('p', { className: `toast ${kind}`, title: text }, text))
  fading = setTimeout(() => byId('toasts').replaceChildren(), kind === 'bad' ? 9000 : 4500)
}
