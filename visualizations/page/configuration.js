import { h, say } from './dom.js'
import { kindOf, readField, shown, textOf } from './values.js'

const layers = {
  default: 'default',
  environment: 'environment',
  file: 'file',
  init: 'program',
  runtime: 'runtime',
}

/** @param {string} layer */
const nameOf = (layer) => /** @type {any} */ (layers)[layer] ?? layer

/**
 * A form over `GET /config`: one field per key, with its meaning and where its value comes from. It never holds a
 * secret: a secret field is empty, and what is typed into it replaces the secret.
 * @param {string} title
 * @param {(changes: any[]) => Promise<any>} review resolves when applied; rejects with the problems
 */
export function createConfiguration(title, review) {
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

  /** @param {any} explanation */
  function makeField(explanation) {
    const { path, doc } = explanation
    const name = path.split('.').at(-1)
    const id = `key-${path}`
    const kind = kindOf(explanation)
    const describedBy = `${id}-doc ${id}-error`
    const common = { id, name: path, 'aria-describedby': describedBy, oninput: () => changed(field) }
    const input =
      kind === 'boolean'
        ? h('input', { ...common, type: 'checkbox', role: 'switch' })
        : kind === 'choice'
          ? h(
              'select',
              common,
              ...explanation.format.map((/** @type {string} */ one) => h('option', { value: one }, one)),
            )
          : kind === 'list' || kind === 'table'
            ? h('textarea', { ...common, rows: 2, spellcheck: false })
            : h('input', {
                ...common,
                type: kind === 'secret' ? 'password' : 'text',
                autocomplete: 'off',
                spellcheck: false,
                inputMode: kind === 'number' ? 'decimal' : 'text',
              })
    const badge = h('span', { className: 'badge' })
    const unset = h(
      'button',
      {
        type: 'button',
        className: 'plain unset',
        'aria-label': `Unset ${path}`,
        hidden: true,
        onclick: () => remove(field),
      },
      'Unset',
    )
    const problem = h('p', { id: `${id}-error`, className: 'error', 'data-error-for': path })
    const row = h(
      'div',
      { className: 'key' },
      h('label', { for: id }, name),
      h('span', { className: 'origin' }, unset, badge),
      h(
        'div',
        { className: 'input' },
        input,
        explanation.unit ? h('span', { className: 'unit' }, explanation.unit) : null,
      ),
      problem,
      h('p', { id: `${id}-doc`, className: 'doc' }, doc),
    )
    /** `text`: what the field says while nobody changes it; nothing yet. @type {any} */
    const field = { explanation, kind, input, badge, unset, problem, row, text: undefined }
    rows.append(row)
    fields.set(path, field)
    return field
  }

  /** Shows what is in force, unless somebody is changing it. @param {any} field */
  function fill(field) {
    const { explanation, input, badge, unset, kind } = field
    const { layer, from, shadows } = explanation
    say(badge, nameOf(layer))
    badge.dataset.layer = layer
    unset.hidden = layer !== 'runtime'
    const below = shadows.map((/** @type {any} */ one) => `${one.layer}: ${shown(one.value)}`).join('\n')
    badge.title = [from && `from ${from}`, explanation.source, below && `instead of\n${below}`]
      .filter(Boolean)
      .join('\n')
    const isTouched = field.text !== undefined && readText(field) !== field.text
    field.text = textOf(explanation, kind)
    if (isTouched) return
    if (kind === 'boolean') input.checked = explanation.value === true
    else input.value = field.text
    if (kind === 'secret') input.placeholder = explanation.value === null ? 'none' : 'set; type to replace'
    else if (kind !== 'boolean' && kind !== 'choice')
      input.placeholder = explanation.value === null ? 'none' : ''
    if (kind === 'table' && explanation.sensitive)
      input.placeholder = Object.keys(explanation.value ?? {}).length
        ? `set: ${Object.keys(explanation.value).join(', ')}; a JSON object replaces them`
        : 'none; a JSON object of names and values'
    if (kind === 'list') input.rows = Math.min(Math.max(field.text.split('\n').length, 1), 5)
    field.row.classList.remove('changed')
  }

  /** @param {any} field */
  const readText = ({ kind, input }) => (kind === 'boolean' ? String(input.checked) : input.value)

  const pending = () => [...fields.values()].filter((field) => readText(field) !== field.text)

  /** @param {any} field */
  function changed(field) {
    field.row.classList.toggle('changed', readText(field) !== field.text)
    complain(field, '')
    count()
  }

  function count() {
    const { length } = pending()
    apply.disabled = discard.disabled = length === 0
    say(summary, length === 0 ? '' : `${length} ${length === 1 ? 'change' : 'changes'} not applied`)
  }

  /** @param {any} field @param {string} message */
  function complain({ problem, input }, message) {
    say(problem, message)
    if (message) input.setAttribute('aria-invalid', 'true')
    else input.removeAttribute('aria-invalid')
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault()
    say(general, '')
    const changes = pending().map((field) => {
      const { explanation, kind } = field
      const after = readField(explanation, kind, readText(field))
      return {
        path: explanation.path,
        before: explanation.value,
        after,
        shown: explanation.sensitive ? 'a new secret' : shown(after),
      }
    })
    if (changes.length === 0) return
    const applied = await review(changes).then(
      (done) => done,
      (refused) => {
        place(refused)
        return false
      },
    )
    if (!applied) return
    for (const { path } of changes) {
      const field = fields.get(path)
      if (field?.kind === 'secret' || field?.explanation.sensitive) field.input.value = field.text = ''
      else if (field) field.text = readText(field)
      field?.row.classList.remove('changed')
      if (field) complain(field, '')
    }
    count()
  }

  /** Takes a runtime value away, after a look at what comes in force instead. @param {any} field */
  async function remove(field) {
    const { path, value, sensitive, shadows } = field.explanation
    const below = sensitive ? 'the secret below it' : shown(shadows[0]?.value)
    say(general, '')
    complain(field, '')
    await review([
      { path, before: value, unset: true, shown: `${below} (${nameOf(shadows[0]?.layer)})` },
    ]).catch(place)
  }

  /** Each problem beside its field; the rest above them. @param {any} refused */
  function place(refused) {
    const rest = []
    let first
    for (const field of fields.values()) complain(field, '')
    for (const { path, message } of refused.problems ?? []) {
      const field = fields.get(path)
      if (!field) {
        rest.push(message)
        continue
      }
      complain(field, message)
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
    for (const field of fields.values()) {
      if (field.kind === 'boolean') field.input.checked = field.explanation.value === true
      else field.input.value = field.text
      changed(field)
    }
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
      for (const explanation of explanations) {
        const known = fields.get(explanation.path)
        if (known && known.kind === kindOf(explanation)) known.explanation = explanation
        else known?.row.remove()
        fill(known && known.explanation === explanation ? known : makeField(explanation))
      }
      count()
    },
  }
}
