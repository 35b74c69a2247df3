import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as tls from 'node:tls'
import { createSecureContext, type SecureContext } from 'node:tls'
import { TelemetryError } from '../../errors.ts'

/** PEM texts. `ca` replaces the authorities that Node trusts; `cert` and `key` are the client's own. */
export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const names = ['ca', 'cert', 'key'] as const

/**
 * Resolves each setting, a file path or the PEM text itself, to PEM text. Empty settings are absent ones. `keys`: what
 * the settings are called in the configuration; errors name them.
 * Rejects with a TelemetryError `TLS_FILE_UNREADABLE`; the message never repeats a setting, which may be a key
 * pasted into the wrong place.
 */
export async function readTls(
  settings: TlsMaterial,
  keys: Readonly<Record<(typeof names)[number], string>> = { ca: 'ca', cert: 'cert', key: 'key' },
): Promise<TlsMaterial> {
  const entries = names.map(async (name) => {
    const setting = settings[name]
    if (!setting || setting.includes('-----BEGIN ')) return [name, setting || undefined] as const
    try {
      return [name, await readFile(setting, 'utf8')] as const
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      const message = `${keys[name]} must be the path of a PEM file that can be read (${code})`
      throw new TelemetryError('TLS_FILE_UNREADABLE', message)
    }
  })
  return Object.fromEntries((await Promise.all(entries)).filter(([, text]) => text !== undefined))
}

/** Throws a TelemetryError `TLS_INVALID` when the material is malformed or does not belong together. */
export function secureContextOf(material: TlsMaterial): SecureContext {
  if ((material.cert === undefined) !== (material.key === undefined)) {
    throw new TelemetryError('TLS_INVALID', 'a TLS client certificate and its key must be given together')
  }
  try {
    if (material.ca !== undefined) checkAuthorities(material.ca)
    return createSecureContext({ ...material })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'malformed'
    throw new TelemetryError('TLS_INVALID', `the TLS certificates or key cannot be used (${code})`)
  }
}

/** Node 22 and later can list all authorities that Node trusts, those of NODE_EXTRA_CA_CERTS included. */
const trusted = (): readonly string[] =>
  'getCACertificates' in tls && typeof tls.getCACertificates === 'function'
    ? (tls.getCACertificates('default') as readonly string[])
    : tls.rootCertificates

/**
 * For TLS to a proxy: trusts `ca` beside the authorities that Node trusts, and has no certificate of the client, which
 * is meant for the destination. Throws a TelemetryError `TLS_INVALID`.
 */
export function proxySecureContextOf(ca: string): SecureContext {
  secureContextOf({ ca })
  return createSecureContext({ ca: [...trusted(), ca] })
}

/** OpenSSL silently trusts no certificate when it cannot read the authorities. */
function checkAuthorities(ca: string): void {
  const certificates = ca.match(
    /-----BEGIN [A-Z\d ]*CERTIFICATE-----.+?-----END [A-Z\d ]*CERTIFICATE-----/gs,
  ) ?? ['']
  for (const certificate of certificates) new X509Certificate(certificate)
}
