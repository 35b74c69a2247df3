/** A remote store of configuration. */
export interface ConfigSource {
  readonly name?: string
  load(): Promise<Record<string, unknown>> | Record<string, unknown>
  /** Calls `onChange` with each new document, whole, and `onError` when it is lost. Returns a function that stops it. */
  watch?(
    onChange: (document: Record<string, unknown>) => void,
    onError?: (error: unknown) => void,
  ): (() => void) | Promise<() => void>
}

/** The state of a configuration source, such as the watched file. */
export interface SourceStatus {
  readonly name: string
  readonly state: 'idle' | 'watching' | 'missing' | 'lost'
  readonly error?: string
}
