import type { Config } from '../../exporters/exporter.ts'

/** The setting `spool` of an exporter. */
export interface SpoolSettings {
  readonly directory: string
  /** `overflow`: what memory has no room for. `always`: what is not delivered within `flush_interval`. */
  readonly mode: 'overflow' | 'always'
  readonly maxBytes: number
  /** When a file is on the disk for good: before the next one is written, or within about a second. */
  readonly fsync: 'batch' | 'interval'
}

/** Null: the exporter has no spool. */
export function spoolSettingsOf({ spool }: Config): SpoolSettings | null {
  if (spool === null || spool === undefined) return null
  const { directory, mode, max_bytes, fsync } = spool as Readonly<Record<string, unknown>>
  return {
    directory: String(directory),
    mode: mode === 'always' ? 'always' : 'overflow',
    maxBytes: Number(max_bytes),
    fsync: fsync === 'interval' ? 'interval' : 'batch',
  }
}
