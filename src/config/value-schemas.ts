import { maxHeaders } from '../exporters/header-pairs.ts'
import { maxElements } from './formats/format.ts'
import { maxUrls } from './formats/lists.ts'
import { maxMetrics } from './formats/metrics.ts'
import { maxSeconds } from './formats/numbers.ts'
import { maxSpoolBytes, minSpoolBytes, spoolChoices } from './formats/spool.ts'
import { maxName, maxString, maxUrl } from './formats/strings.ts'
import { metricSchema } from './metric-schema.ts'
import type { PublishedKey } from './published.ts'

/** A JSON Schema of one value (draft 7). */
export type JsonSchema = Readonly<Record<string, unknown>>

type Limits = Pick<PublishedKey, 'min' | 'max' | 'choices'>

const number =
  (type: 'number' | 'integer', lowest?: number, highest?: number) =>
  ({ min = lowest, max = highest }: Limits): JsonSchema => ({
    type,
    ...(min !== undefined && { minimum: min }),
    ...(max !== undefined && { maximum: max }),
  })

const string = (limits: JsonSchema) => (): JsonSchema => ({ type: 'string', ...limits })

const text = (maxLength: number, more: JsonSchema = {}): JsonSchema => ({
  type: 'string',
  ...more,
  maxLength,
})
const names: JsonSchema = { type: 'array', maxItems: maxElements, items: text(maxName, { minLength: 1 }) }

const httpUrl = string({ maxLength: maxUrl, pattern: '^[hH][tT][tT][pP][sS]?://[^/]' })

/** The JSON Schema of the values that a format takes, or of somewhat more. */
const valueSchemas: Readonly<Record<string, (key: Limits) => JsonSchema>> = {
  number: number('number'),
  integer: number('integer'),
  boolean: () => ({ type: 'boolean' }),
  string: string({ maxLength: maxString }),
  port: number('integer', 0, 65_535),
  seconds: number('number', 0, maxSeconds),
  patterns: () => ({ anyOf: [names, text(maxName, { minLength: 1 })] }),
  headers: () => ({
    type: 'object',
    maxProperties: maxHeaders,
    additionalProperties: { type: 'string' },
  }),
  tags: () => ({
    anyOf: [names, { type: 'object', maxProperties: maxElements, additionalProperties: text(maxName) }],
  }),
  labels: () => names,
  buckets: () => ({ type: 'array', minItems: 1, maxItems: maxElements, items: { type: 'number' } }),
  metrics: () => ({ type: 'array', maxItems: maxMetrics, items: metricSchema }),
  destinations: () => names,
  path: string({ maxLength: maxName, pattern: '^/[^?#\\\\\\s]*$' }),
  name: string({ minLength: 1, maxLength: maxName }),
  host: string({ minLength: 1, maxLength: 253 }),
  'http-url': httpUrl,
  'http-urls': () => ({
    type: 'array',
    minItems: 1,
    maxItems: maxUrls,
    uniqueItems: true,
    items: httpUrl(),
  }),
  'proxy-url': string({ maxLength: maxUrl }),
  'file-path': string({ minLength: 1, maxLength: 4096 }),
  spool: () => ({
    type: 'object',
    properties: {
      directory: text(4096, { minLength: 1 }),
      mode: { enum: spoolChoices.mode },
      max_bytes: { type: 'integer', minimum: minSpoolBytes, maximum: maxSpoolBytes },
      fsync: { enum: spoolChoices.fsync },
    },
    required: ['directory'],
    additionalProperties: false,
  }),
  choice: ({ choices = [] }) => ({ enum: choices }),
}

export function valueSchema(key: Limits & Pick<PublishedKey, 'format'>): JsonSchema {
  const schema = valueSchemas[key.format]
  if (!schema) throw new Error(`no JSON Schema for the format ${key.format}`)
  return schema(key)
}
