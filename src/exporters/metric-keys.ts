import type { ExporterSchema } from './key.ts'
import type { Config, ConfigOf } from './typed-config.ts'

/** The key of the metrics that a configuration declares. `labels`: what the exporter calls them. */
export const declaredMetrics = (labels: 'labels' | 'attributes' | 'tags') =>
  ({
    format: 'metrics',
    default: [],
    change: 'hot',
    doc: `Declared metrics, in addition to inferred ones and those declared in code: a list of tables with event, type, name, measurement, tags (the ${labels}), buckets, unit, description, monotonic and across_workers. If a change of the list does not alter a metric, the metric keeps its sums; otherwise it starts again.`,
  }) as const

/**
 * The keys that choose labels. `labels`: what the exporter calls them; `ids`: when those of single events become some,
 * to end the sentence.
 */
export const labelKeys = (labels: 'labels' | 'attributes' | 'tags', ids: string) =>
  ({
    labels: {
      format: 'labels',
      default: null,
      nullable: true,
      change: 'hot',
      doc: `Metadata keys (or globs) that become ${labels}; none: all. correlation_id, request_id, trace_id, span_id and traceparent ${ids}.`,
    },
    labels_deny: {
      format: 'labels',
      default: [],
      change: 'hot',
      doc: `Metadata keys (or globs) that never become ${labels}; wins over \`labels\`.`,
    },
  }) as const

/** Buckets of durations, in seconds. */
export const durationBuckets = {
  format: 'buckets',
  default: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  unit: 's',
  change: 'hot',
} as const

/** Some keys of a configuration. One that it lacks has its default. */
export const readKeys = <
  const Schema extends ExporterSchema,
  Name extends keyof Schema & keyof ConfigOf<Schema>,
>(
  schema: Schema,
  names: readonly Name[],
  config: Config,
): Pick<ConfigOf<Schema>, Name> =>
  Object.fromEntries(
    names.map((name) => [name, config[name as string] ?? schema[name]!.default]),
  ) as unknown as Pick<ConfigOf<Schema>, Name>
