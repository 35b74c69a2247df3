import type { SystemConfig } from './config/keys.ts'
import type { DatadogSchema } from './exporters/datadog/schema.ts'
import type {
  AnyExporterDefinition,
  ExporterDefinition,
  PullExporterDefinition,
} from './exporters/exporter.ts'
import type {
  JetStreamLogsSchema,
  JetStreamMetricsSchema,
  JetStreamSchema,
} from './exporters/jetstream/index.ts'
import type { MockSchema } from './exporters/mock.ts'
import type { OtelSchema } from './exporters/otel/schema.ts'
import type { OtelLogsSchema } from './exporters/otel-logs/schema.ts'
import type { OtelMetricsSchema } from './exporters/otel-metrics/settings.ts'
import type { PrometheusSchema } from './exporters/prometheus/settings.ts'
import type { CommonConfig, ExporterTable, PushConfig } from './exporters/typed-config.ts'

/** The exporter types that telemachine comes with. */
export type BuiltInType =
  | ExporterDefinition<unknown, unknown, unknown, OtelSchema, 'otel'>
  | ExporterDefinition<unknown, unknown, unknown, OtelLogsSchema, 'otel_logs'>
  | ExporterDefinition<unknown, unknown, unknown, JetStreamSchema, 'jetstream'>
  | ExporterDefinition<unknown, unknown, unknown, JetStreamLogsSchema, 'jetstream_logs'>
  | ExporterDefinition<unknown, unknown, unknown, JetStreamMetricsSchema, 'jetstream_metrics'>
  | ExporterDefinition<unknown, unknown, unknown, OtelMetricsSchema, 'otel_metrics'>
  | PullExporterDefinition<unknown, unknown, PrometheusSchema, 'prometheus'>
  | ExporterDefinition<unknown, unknown, unknown, DatadogSchema, 'datadog'>
  | ExporterDefinition<unknown, unknown, unknown, MockSchema, 'mock'>

/**
 * The table of an exporter of this type in a configuration. `type` may be left out if the exporter's id is the name of
 * its type.
 */
export type TableOf<Definition> = Definition extends AnyExporterDefinition
  ? ExporterTable<
      Definition['schema'],
      Definition extends { readonly export?: never } ? CommonConfig : CommonConfig & PushConfig
    > & { readonly type?: Definition['type'] | undefined }
  : never

/** A name at the top level of a configuration, and the values that it accepts. */
export type TopLevelEntry<Definition> =
  | (Definition extends AnyExporterDefinition
      ? { readonly name: Definition['type']; readonly value: TableOf<Definition> }
      : never)
  | {
      readonly [Key in keyof SystemConfig]: { readonly name: Key; readonly value: SystemConfig[Key] }
    }[keyof SystemConfig]
  | { readonly name: string; readonly value: TableOf<Definition> | SystemConfig[keyof SystemConfig] }

/**
 * The tables of exporters by id, and the keys of telemachine itself. `Types` are exporter types beside the built-in
 * ones. The table of an exporter that is named like its type has the keys of that type; the table of any other exporter
 * names its `type`, and has the keys of that one.
 */
export type ConfigTables<Types extends readonly AnyExporterDefinition[] = readonly []> = {
  readonly [Entry in TopLevelEntry<BuiltInType | Types[number]> as Entry['name']]?: Entry['value'] | undefined
}

/** What `createTelemetry({ config: { init } })` takes: tables as in a file, with or without the outer `telemetry`. */
export type ConfigInit<Types extends readonly AnyExporterDefinition[] = readonly []> =
  | ConfigTables<Types>
  | { readonly telemetry: ConfigTables<Types> }
