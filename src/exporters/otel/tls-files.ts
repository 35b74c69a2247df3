import type { Config } from '../exporter.ts'
import { readTls, type TlsMaterial } from '../http.ts'

const text = (setting: unknown): string => (typeof setting === 'string' ? setting : '')

/** The certificates and the key that the configuration names, read. Rejects as `readTls` does. */
export const readTlsFiles = (config: Config): Promise<TlsMaterial> =>
  readTls(
    {
      ca: text(config.certificate),
      cert: text(config.client_certificate),
      key: text(config.client_key),
    },
    { ca: 'certificate', cert: 'client_certificate', key: 'client_key' },
  )
