import { readTls, type TlsMaterial } from '../http/http.ts'
import type { OtelConfig } from './schema.ts'

/** The certificates and the key that the configuration names, read. Rejects as `readTls` does. */
export const readTlsFiles = (
  config: Pick<OtelConfig, 'certificate' | 'client_certificate' | 'client_key'>,
): Promise<TlsMaterial> =>
  readTls(
    {
      ca: config.certificate ?? '',
      cert: config.client_certificate ?? '',
      key: config.client_key ?? '',
    },
    { ca: 'certificate', cert: 'client_certificate', key: 'client_key' },
  )
