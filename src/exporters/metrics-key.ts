/** The key of the metrics that a configuration declares. `labels`: what the exporter calls them. */
export const declaredMetrics = (labels: 'labels' | 'attributes' | 'tags') =>
  ({
    format: 'metrics',
    default: [],
    change: 'hot',
    doc: `Declared metrics, beside those inferred and those of the code: a list of tables with event, type, name, measurement, tags (the ${labels}), buckets, unit, description, monotonic and across_workers. A metric that a change leaves as it is keeps its sums; one that it changes starts over.`,
  }) as const
