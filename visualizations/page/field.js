import { h, say } from './dom.js'
import { judge } from './judge.js'
import { kindOf, readField, shown, textOf } from './values.js'

const layers = {
  default: 'default',
  environment: 'environment',
  file: 'file',
  init: 'program',
  runtime: 'runtime',
}

/** @param {string} layer */
export const nameOfLayer = (layer) => /** @type {any} */ (layers)[layer] ?? layer

/** @param {any} explanation @param {string} kind @param {any} common */
function createInput({ schema, nullable, value }, kind, common) {
  switch (kind) {
    case 'boolean':
      return h('input', { ...common, type: 'checkbox', role: 'switch' })
    case 'choice': {
      const choices = nullable ? ['', ...schema.enum] : schema.enum
      return h(
        'select',
        common,
        ...choices.map((/** @type {string} */ one) => h('option', { value: one }, one || 'none')),
      )
    }
    case 'list':
    case 'table':
    case 'tables':
      return h('textarea', { ...common, rows: 2, spellcheck: false })
    case 'fixed':
      return h('output', { id: common.id, className: 'fixed' }, shown(value))
    default:
      return h('input', {
        ...common,
        type: kind === 'secret' ? 'password' : 'text',
        autocomplete: 'off',
        spellcheck: false,
        inputMode: kind === 'number' ? 'decimal' : 'text',
      })
  }
}

/** @param {any} explanation @param {string} kind */
function placeholderOf({ value, sensitive }, kind) {
  if (kind === 'secret') return value === null ? 'none' : 'set; type to replace'
  if (kind === 'table' && sensitive)
    return Object.keys(value ?? {}).length
      ? `set: ${Object.keys(value).join(', ')}; a JSON object replaces them`
      : 'none; a JSON object of names and values'
  if (kind === 'tables') return 'none; a JSON list of objects'
  return value === null ? 'none' : ''
}

/**
 * One key: its field, its meaning, where its value comes from, and what is wrong with what is typed.
 * @param {any} explanation
 * @param {{ onInput: () => void, onUnset: (field: any) => void }} host
 */
export function createField(explanation, host) {
  const { path, doc, unit } = explanation
  const name = path.split('.').at(-1)
  const id = `key-${path}`
  const kind = kindOf(explanation)
  const common = { id, name: path, 'aria-describedby': `${id}-error ${id}-doc`, oninput: () => edited() }
  const input = createInput(explanation, kind, common)
  const badge = h('span', { className: 'badge' })
  const unset = h(
    'button',
    {
      type: 'button',
      className: 'plain unset',
      'aria-label': `Unset ${path}`,
      hidden: true,
      onclick: () => host.onUnset(field),
    },
    'Unset',
  )
  const problem = h('p', { id: `${id}-error`, className: 'error', 'data-error-for': path })
  const row = h(
    'div',
    { className: 'key', 'data-kind': kind },
    h('label', { for: id }, name),
    h('span', { className: 'origin' }, unset, badge),
    h('div', { className: 'input' }, input, unit ? h('span', { className: 'unit' }, unit) : null),
    problem,
    h(
      'p',
      { id: `${id}-doc`, className: 'doc' },
      kind === 'fixed' ? `This page cannot change this key. ${doc}` : doc,
    ),
  )

  const read = () => (kind === 'boolean' ? String(input.checked) : input.value)
  const write = (/** @type {string} */ text) => {
    if (kind === 'boolean') input.checked = text === 'true'
    else input.value = text
  }

  const field = {
    kind,
    row,
    input,
    explanation,
    /** What the field says while nobody changes it; nothing yet. @type {string | undefined} */
    text: undefined,
    isChanged: () => kind !== 'fixed' && field.text !== undefined && read() !== field.text,
    value: () => readField(field.explanation, kind, read()),
    /** @param {string} message */
    complain(message) {
      say(problem, message)
      if (message) input.setAttribute('aria-invalid', 'true')
      else input.removeAttribute('aria-invalid')
    },
    discard() {
      write(field.text ?? '')
      edited()
    },
    /** What was typed is in force. */
    settle() {
      if (explanation.sensitive) write('')
      field.text = read()
      row.classList.remove('changed')
      field.complain('')
    },
    /** Shows what is in force, unless somebody is changing it. @param {any} latest */
    fill(latest) {
      field.explanation = latest
      const { layer, from, shadows, source } = latest
      say(badge, nameOfLayer(layer))
      badge.dataset.layer = layer
      unset.hidden = layer !== 'runtime' || kind === 'fixed'
      const below = shadows.map((/** @type {any} */ one) => `${one.layer}: ${shown(one.value)}`).join('\n')
      badge.title = [from && `from ${from}`, source, below && `instead of\n${below}`]
        .filter(Boolean)
        .join('\n')
      if (kind === 'fixed') return say(input, shown(latest.value))
      const isTouched = field.isChanged()
      field.text = textOf(latest, kind)
      if (isTouched) return
      write(field.text)
      if (kind !== 'boolean' && kind !== 'choice') input.placeholder = placeholderOf(latest, kind)
      if (kind === 'list') input.rows = Math.min(Math.max(field.text.split('\n').length, 1), 5)
      row.classList.remove('changed')
    },
  }

  function edited() {
    const isChanged = field.isChanged()
    row.classList.toggle('changed', isChanged)
    field.complain(isChanged ? judge(field.explanation, field.value()) : '')
    host.onInput()
  }

  return field
}
