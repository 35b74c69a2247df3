import { datadog } from './datadog/index.ts'
import type { AnyExporterDefinition } from './exporter.ts'
import { jetstream, jetstreamLogs, jetstreamMetrics } from './jetstream/index.ts'
import { mock } from './mock.ts'
import { otel } from './otel/index.ts'
import { otelLogs } from './otel-logs/index.ts'
import { otelMetrics } from './otel-metrics/index.ts'
import { prometheus } from './prometheus/index.ts'

/** All built-in exporter types. */
export const builtInTypes = (): AnyExporterDefinition[] => [
  otel(),
  otelLogs(),
  otelMetrics(),
  prometheus(),
  datadog(),
  jetstream(),
  jetstreamLogs(),
  jetstreamMetrics(),
  mock(),
]

/** The built-in types and those of an application. One of the same name takes the place of ours. */
export function typesWith(own: readonly AnyExporterDefinition[] = []): readonly AnyExporterDefinition[] {
  const names = new Set(own.map(({ type }) => type))
  return [...builtInTypes().filter(({ type }) => !names.has(type)), ...own]
}
