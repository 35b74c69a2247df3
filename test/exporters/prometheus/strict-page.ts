/**
 * A strict parser of Prometheus text 0.0.4 and OpenMetrics 1.0.0, written for the tests from the formats'
 * descriptions and sharing nothing with the code under test. It refuses whatever a scraper might stumble over.
 */

export type PageFormat = 'text' | 'openmetrics'

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface ParsedFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

export interface ParsedPage {
  readonly families: ReadonlyMap<string, ParsedFamily>
  readonly samples: readonly Sample[]
  /** The value of the one sample with exactly these labels; undefined if there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
  /** Sum over all samples of a name. */
  sum(name: string): number
}

interface Open {
  readonly name: string
  type: string
  help: string
  readonly samples: Sample[]
}

const names = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelNames = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const types = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped', 'unknown'])

const identity = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(labels).sort())

export function parsePage(text: string, format: PageFormat = 'text'): ParsedPage {
  const lines = linesOf(text, format)
  const families = new Map<string, Open>()
  const samples = new Map<string, Sample>()
  let current: Open | undefined
  for (const line of lines) {
    if (line === '' && format === 'text') continue
    if (line.startsWith('#')) {
      current = meta(line, format, families, current)
      continue
    }
    const sample = parseSample(line)
    const { name, labels } = sample
    if (!current) throw new Error(`a sample without a family: ${line}`)
    const suffix = name.startsWith(current.name) ? name.slice(current.name.length) : 'another'
    if (!suffixes(current.type, format).includes(suffix))
      throw new Error(`${name} in the family ${current.name}`)
    if (current.type === 'histogram' && (suffix === '_bucket') !== 'le' in labels)
      throw new Error(`le in ${line}`)
    const key = `${name} ${identity(labels)}`
    if (samples.has(key)) throw new Error(`two samples ${key}`)
    samples.set(key, sample)
    current.samples.push(sample)
  }
  for (const family of families.values()) check(family)
  return {
    families,
    samples: [...samples.values()],
    value: (name, labels = {}) => samples.get(`${name} ${identity(labels)}`)?.value,
    sum: (name) => [...samples.values()].reduce((sum, one) => (one.name === name ? sum + one.value : sum), 0),
  }
}

function linesOf(text: string, format: PageFormat): string[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no line feed')
  const lines = text.split('\n')
  lines.pop()
  if (format === 'openmetrics' && lines.pop() !== '# EOF')
    throw new Error('an OpenMetrics page ends in # EOF')
  return lines
}

function suffixes(type: string, format: PageFormat): readonly string[] {
  if (type === 'counter') return format === 'openmetrics' ? ['_total', '_created'] : ['']
  if (type === 'histogram') return ['_bucket', '_sum', '_count']
  return type === 'summary' ? ['', '_sum', '_count'] : ['']
}

function meta(
  line: string,
  format: PageFormat,
  families: Map<string, Open>,
  current: Open | undefined,
): Open {
  const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/s.exec(line) ?? []
  if (!kind) throw new Error(`malformed line ${line}`)
  if (!names.test(name)) throw new Error(`illegal family name in ${line}`)
  let family = current
  if (family?.name !== name) {
    if (families.has(name)) throw new Error(`the family ${name} appears twice`)
    family = { name, type: '', help: '', samples: [] }
    families.set(name, family)
  }
  if (family.samples.length > 0) throw new Error(`${kind} of ${name} after its samples`)
  if (kind === 'HELP') {
    if (family.help !== '') throw new Error(`two HELP lines of ${name}`)
    family.help = unescapeHelp(rest, format)
  } else {
    if (family.type !== '' || !types.has(rest)) throw new Error(`a second or unknown type: ${line}`)
    family.type = rest
  }
  return family
}

function unescapeHelp(text: string, format: PageFormat): string {
  return text.replace(/\\(.?)/gs, (_, escaped: string) => {
    if (escaped === '\\') return '\\'
    if (escaped === 'n') return '\n'
    if (escaped === '"' && format === 'openmetrics') return '"'
    throw new Error(`unknown escape in help ${text}`)
  })
}

function parseSample(line: string): Sample {
  const [name] = /^[^{ ]*/.exec(line)!
  if (!names.test(name)) throw new Error(`illegal name in ${line}`)
  const labels = new Map<string, string>()
  let at = name.length
  if (line[at] === '{') {
    at++
    while (line[at] !== '}') {
      const equals = line.indexOf('="', at)
      const label = line.slice(at, equals)
      if (equals < 0 || !labelNames.test(label)) throw new Error(`illegal label in ${line}`)
      if (labels.has(label)) throw new Error(`label ${label} twice in ${line}`)
      const { value, end } = quoted(line, equals + 2)
      labels.set(label, value)
      at = end
      if (line[at] === ',') at++
      else if (line[at] !== '}') throw new Error(`malformed labels in ${line}`)
    }
    at++
  }
  if (line[at] !== ' ') throw new Error(`no value in ${line}`)
  // An OpenMetrics exemplar may follow.
  const [number = ''] = line.slice(at + 1).split(' # ')
  return { name, labels: Object.fromEntries(labels), value: parseNumber(number) }
}

/** A label value that begins at `start`, and where the line goes on after its quote. */
function quoted(line: string, start: number): { value: string; end: number } {
  const escapes: Record<string, string> = { '\\': '\\', n: '\n', '"': '"' }
  let value = ''
  for (let at = start; at < line.length; at++) {
    const character = line[at]!
    if (character === '"') return { value, end: at + 1 }
    if (character !== '\\') value += character
    else {
      at++
      const escaped = escapes[line[at] ?? '']
      if (escaped === undefined) throw new Error(`unknown escape in ${line}`)
      value += escaped
    }
  }
  throw new Error(`unterminated label value in ${line}`)
}

function parseNumber(text: string): number {
  if (text === '+Inf') return Infinity
  if (text === '-Inf') return -Infinity
  if (text === 'NaN') return NaN
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`not a number: ${text}`)
  return Number(text)
}

/** A type, a help text, and histograms whose buckets add up. */
function check(family: ParsedFamily): void {
  const { name, type, help, samples } = family
  if (type === '' || help === '') throw new Error(`${name} lacks its TYPE or HELP`)
  if (type === 'counter' && !samples.every(({ value }) => value >= 0)) throw new Error(`${name} is negative`)
  if (type !== 'histogram') return
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le: _, ...rest } = sample.labels
    const key = identity(rest)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const [key, group] of groups) {
    const ending = (end: string) => group.filter((sample) => sample.name === name + end)
    const buckets = ending('_bucket').map(({ labels, value }) => [parseNumber(labels.le!), value] as const)
    const cumulative = buckets.every(
      ([le, n], i) => i === 0 || (le > buckets[i - 1]![0] && n >= buckets[i - 1]![1]),
    )
    if (!cumulative) throw new Error(`${name} ${key}: buckets are not cumulative`)
    const [count] = ending('_count')
    const [le, all] = buckets.at(-1) ?? []
    if (le !== Infinity || all !== count?.value) throw new Error(`${name} ${key}: +Inf is not the count`)
    if (ending('_sum').length !== 1) throw new Error(`${name} ${key}: not one sum`)
  }
}
