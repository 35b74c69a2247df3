import { gaugeRules, hasWildcards, isConvertible, type Unit, units } from '../../metrics/declared.ts'
import { tableTypes } from '../../metrics/tables.ts'
import { type Format, isRecord, type PartPath, Refusal, refuse } from './format.ts'
import { buckets } from './lists.ts'
import { isName } from './strings.ts'

/** How many metrics one exporter may declare. */
export const maxMetrics = 500
/** More labels than a series may have. */
export const maxTags = 64

export const unitNames = Object.keys(units) as readonly Unit[]

const isUnit = (value: unknown): value is Unit => typeof value === 'string' && Object.hasOwn(units, value)

/** Why a type of other libraries is not there, and what to use. */
const instead: Readonly<Record<string, string>> = {
  summary:
    'a summary is not offered, because the quantiles of several processes cannot be combined; use distribution, whose buckets can',
  histogram: 'a histogram is declared as distribution',
  gauge: 'a gauge is declared as last_value, or as sum with monotonic = false',
  lastValue: 'it is spelt last_value here',
}

function checkType(type: unknown): void {
  if ((tableTypes as readonly unknown[]).includes(type)) return
  const why = typeof type === 'string' && Object.hasOwn(instead, type) ? `: ${instead[type]}` : ''
  refuse(`one of ${tableTypes.join(', ')}${why}`)
}

function checkName(value: unknown): void {
  if (!isName(value)) refuse('a string of 1 to 1024 characters without control characters')
}

function checkTags(value: unknown): void {
  if (!Array.isArray(value) || value.length > maxTags || !value.every(isName))
    refuse(`a list of metadata keys, at most ${maxTags}`)
}

function checkUnit(value: unknown): void {
  if (isUnit(value)) return
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isUnit))
    refuse(`one of ${unitNames.join(', ')}, or a pair to convert, such as ["millisecond", "second"]`)
  const [from, to] = value as [Unit, Unit]
  if (!isConvertible(from, to)) refuse(`a pair of units of one kind: ${from} cannot be converted to ${to}`)
}

function checkBoolean(value: unknown): void {
  if (typeof value !== 'boolean') refuse('true or false')
}

function checkRule(value: unknown): void {
  if (!(gaugeRules as readonly unknown[]).includes(value)) refuse(`one of ${gaugeRules.join(', ')}`)
}

/** Checks of each key of a table. */
const checks: Readonly<Record<string, (value: unknown) => void>> = {
  event: checkName,
  type: checkType,
  name: checkName,
  measurement: checkName,
  tags: checkTags,
  buckets: (value) => buckets.validate(value, {}),
  unit: checkUnit,
  description: checkName,
  monotonic: checkBoolean,
  across_workers: checkRule,
}

/** The keys that only some types have, and those types. */
const typesWith: Readonly<Record<string, readonly string[]>> = {
  measurement: ['sum', 'last_value', 'distribution'],
  unit: ['sum', 'last_value', 'distribution'],
  buckets: ['distribution'],
  monotonic: ['sum'],
  across_workers: ['sum', 'last_value'],
}

/** Runs a check of a part of a value, so that what it refuses is placed there. */
function within(at: PartPath, check: () => void): void {
  try {
    check()
  } catch (error) {
    throw error instanceof Refusal ? new Refusal(error.right, [...at, ...error.at]) : error
  }
}

function checkTable(table: unknown): void {
  if (!isRecord(table)) refuse('a table with an event and a type')
  for (const key of Object.keys(table))
    if (!Object.hasOwn(checks, key)) refuse(`left out: a metric has ${Object.keys(checks).join(', ')}`, [key])
  for (const [key, check] of Object.entries(checks))
    if (table[key] !== undefined || key === 'event' || key === 'type') within([key], () => check(table[key]))
  const { event, type, name, measurement, across_workers } = table
  for (const [key, types] of Object.entries(typesWith))
    if (table[key] !== undefined && !types.includes(type as string))
      refuse(`left out: a ${type} has no ${key}`, [key])
  if (
    type === 'sum' &&
    across_workers !== undefined &&
    (table.monotonic !== false || across_workers === 'last')
  )
    refuse('sum, min, max or worker, of a sum with monotonic = false', ['across_workers'])
  if (type !== 'counter' && measurement === undefined)
    refuse(`the name of a measurement of the event, which a ${type} needs`, ['measurement'])
  if (name === undefined && hasWildcards(event as string))
    refuse('given, because the event is a pattern with wildcards', ['name'])
}

/** Declared metrics: a list of tables. The text of a variable is JSON. */
export const metrics: Format = {
  validate: (value) => {
    if (!Array.isArray(value) || value.length > maxMetrics)
      return refuse(`a list of tables, one for each metric, at most ${maxMetrics}`)
    for (const [index, table] of value.entries()) within([index], () => checkTable(table))
  },
  coerce: (text) => {
    try {
      return JSON.parse(text)
    } catch {
      return refuse('JSON: a list of objects such as [{"event": "job.done", "type": "counter"}]')
    }
  },
}
