import { gaugeRules } from '../metrics/declared.ts'
import { tableTypes } from '../metrics/tables.ts'
import { maxElements } from './formats/format.ts'
import { maxTags, unitNames } from './formats/metrics.ts'
import { maxName } from './formats/strings.ts'
import type { JsonSchema } from './value-schemas.ts'

const name: JsonSchema = { type: 'string', minLength: 1, maxLength: maxName }

/** One of these texts, or a text with references that may become one. */
const oneOf = (choices: readonly string[]): JsonSchema => ({
  anyOf: [{ enum: choices }, { type: 'string', pattern: '\\$\\{' }],
})

/** The JSON Schema of a metric that a configuration declares. */
export const metricSchema: JsonSchema = {
  type: 'object',
  properties: {
    event: { description: 'Glob of the names of the events that it measures.', ...name },
    type: {
      description:
        'counter counts events, sum adds a measurement up, last_value keeps its latest value, distribution is a histogram of it.',
      ...oneOf(tableTypes),
    },
    name: { description: 'Default: the event, the measurement and the unit. Needed with a glob.', ...name },
    measurement: { description: 'The key of the measurement. A counter has none.', ...name },
    tags: {
      description: 'Metadata keys that become labels. Default: none.',
      type: 'array',
      maxItems: maxTags,
      items: name,
    },
    buckets: {
      description: 'Upper bounds of a distribution, in the unit shown. Default: `buckets` of the exporter.',
      type: 'array',
      minItems: 1,
      maxItems: maxElements,
      items: { type: 'number' },
    },
    unit: {
      description: 'The unit of the measurement, or a pair that converts: ["millisecond", "second"].',
      anyOf: [oneOf(unitNames), { type: 'array', minItems: 2, maxItems: 2, items: oneOf(unitNames) }],
    },
    description: { description: 'The help text.', ...name },
    monotonic: { description: 'False for a sum that may fall. Default: true.', type: 'boolean' },
    across_workers: {
      description: 'How a gauge of several workers becomes one on their page of Prometheus.',
      ...oneOf(gaugeRules),
    },
  },
  required: ['event', 'type'],
  additionalProperties: false,
}
