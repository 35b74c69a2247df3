import { wholeNumber } from './variables.ts'

/**
 * The keys that limit the attributes of what an exporter sends.
 * @param item what has the attributes, such as `span`.
 * @param variable the name of it in OpenTelemetry's variables, such as `SPAN`.
 */
export const limitKeys = (item: string, variable: 'SPAN' | 'LOGRECORD') =>
  ({
    max_attributes: {
      format: 'integer',
      default: 128,
      min: 0,
      max: 100_000,
      change: 'hot',
      doc: `Largest number of attributes of a ${item}; the rest is dropped and counted in its dropped_attributes_count.`,
      env: [
        { name: `OTEL_${variable}_ATTRIBUTE_COUNT_LIMIT`, read: wholeNumber },
        { name: 'OTEL_ATTRIBUTE_COUNT_LIMIT', read: wholeNumber },
      ],
    },
    max_attribute_length: {
      format: 'integer',
      default: 16_384,
      min: 0,
      max: 10_000_000,
      unit: 'characters',
      change: 'hot',
      doc: 'Longer string values are cut, never inside a character.',
      env: [
        { name: `OTEL_${variable}_ATTRIBUTE_VALUE_LENGTH_LIMIT`, read: wholeNumber },
        { name: 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', read: wholeNumber },
      ],
    },
  }) as const
