import type { MetricTable } from '../metrics/tables.ts'

/** How a change of a key takes effect: in place; new client beside the old, then swap; close, then open. */
export type Change = 'hot' | 'rebuild' | 'replace'

/** The value of a key as an exporter sees it, by the name of the key's format. */
export interface FormatValues {
  /** Any finite number. */
  readonly number: number
  /** A whole number that JavaScript represents exactly. */
  readonly integer: number
  /** A port: a whole number from 0 to 65,535. */
  readonly port: number
  /** A duration in seconds, of at least 0. */
  readonly seconds: number
  readonly boolean: boolean
  /** A string of at most 8 KiB without control characters. */
  readonly string: string
  /** A string of 1 to 1,024 characters without control characters. */
  readonly name: string
  /** A host name or an IP address. */
  readonly host: string
  /** The path of a URL; it starts with `/`. */
  readonly path: string
  /** An http or https URL without credentials. */
  readonly 'http-url': string
  /** One to eight different http or https URLs without credentials. */
  readonly 'http-urls': readonly string[]
  /** An http or https URL of a proxy, with or without credentials and without a path; empty for none. */
  readonly 'proxy-url': string
  /** The path of a file. */
  readonly 'file-path': string
  /** Where and how an exporter keeps events on disk. */
  readonly spool: SpoolTable
  /** Globs of event names. A configuration may give a single one without a list. */
  readonly patterns: readonly string[]
  /** A list of names. */
  readonly labels: readonly string[]
  /** Origins, or globs of hosts. */
  readonly destinations: readonly string[]
  /** Finite numbers, each greater than the one before it; at least one. */
  readonly buckets: readonly number[]
  /** Declared metrics. */
  readonly metrics: readonly MetricTable[]
  /** HTTP headers. */
  readonly headers: Readonly<Record<string, string>>
  /** A list such as `["team:core"]`, or a table such as `{ team: "core" }`. */
  readonly tags: readonly string[] | Readonly<Record<string, string>>
}

/** The table `spool` of an exporter: see docs/spool.md. */
export interface SpoolTable {
  /** A directory that only this exporter uses; its path has at most 90 bytes. It is created if it is missing. */
  readonly directory: string
  /**
   * `overflow`: events that do not fit into memory go to disk. `always`: so do events that are not delivered within
   * `flush_interval`. Default: `overflow`.
   */
  readonly mode?: 'overflow' | 'always'
  /** How many bytes of the disk it may use, from 1 MiB. Default: 1 GiB. */
  readonly max_bytes?: number
  /**
   * When a file is safe from a loss of power: `batch` is at once, `interval` within about a second. Default: `batch`.
   */
  readonly fsync?: 'batch' | 'interval'
}

/** The format of a key's values: a format's name, or a list of the strings that are allowed. */
export type KeyFormat = keyof FormatValues | readonly string[]

/** The declaration of one configuration key. Keys are snake_case; durations are seconds. */
export interface KeySchema {
  /** The name of a format (see {@link FormatValues}), or a list of allowed strings. */
  readonly format: KeyFormat
  /** The default: a value that the format accepts, or null for a key that is `nullable`. */
  readonly default: unknown
  readonly change: Change
  /** The purpose of the key, in a sentence: it appears in the reference and in the JSON Schema. */
  readonly doc: string
  /** The unit of a number, such as `s` or `bytes`. */
  readonly unit?: string
  /** True for a secret: only the exporter gets its value. Default: false. */
  readonly sensitive?: boolean
  /** Inclusive bounds of numbers. */
  readonly min?: number
  readonly max?: number
  /** True if the value may be null (absent). Default: false. */
  readonly nullable?: boolean
  /**
   * Returns the URL that a value makes the exporter send to, for a key that is not a URL itself (a region, a site): a
   * change of it from an untrusted source has to bring credentials, as for a URL.
   */
  readonly destination?: (value: string) => string
  /**
   * The name of a key that this one, a list, takes the place of: that key has the first element as its value. Both in
   * one source are refused; otherwise the stronger layer counts.
   */
  readonly insteadOf?: string
  /**
   * Returns what is odd about a valid value, to end the sentence "telemetry.otel.endpoint is …, which …": it becomes a
   * warning. Returns undefined where nothing is.
   */
  readonly hint?: (value: unknown) => string | undefined
  /** Ecosystem variables, strongest first, below TELEMETRY_* (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `DD_API_KEY`). */
  readonly env?: readonly EcosystemVariable[]
}

/**
 * An ecosystem variable: its name, and how its text becomes the text or value of our key (OTLP appends a path, counts
 * in ms). `variable` gives the text of another one, for those that are combined. `read` returns undefined where the
 * variable does not concern the key; it throws where the text is malformed, which is then ignored with a warning.
 */
export interface EcosystemVariable {
  readonly name: string
  readonly read?: ((text: string, variable: (name: string) => string | undefined) => unknown) | undefined
}

/** The keys of an exporter type, by name. */
export type ExporterSchema = Readonly<Record<string, KeySchema>>

/** The value of a declared key; `unknown` where the declaration's own type does not say which format it has. */
export type KeyValue<Key extends KeySchema> = ValueOfFormat<Key['format']> | NullIfNullable<Key>

/** The value of a key whose format has this type. */
export type ValueOfFormat<Format extends KeyFormat> = [KeyFormat] extends [Format]
  ? unknown
  : Format extends readonly (infer Choice)[]
    ? Choice
    : FormatValues[Format & keyof FormatValues]

/** `null` for a key that is declared `nullable`. */
export type NullIfNullable<Key extends KeySchema> = Key extends { readonly nullable: true } ? null : never
