/** Configuration keys of the exporter that a connection is made for: errors name them. */
export interface TlsKeys {
  /** The key with the authorities that servers are trusted by. */
  readonly authority: string
  /** The keys with the certificate of the client. */
  readonly client: string
}

/** The facts about a connection that failed. */
export interface ConnectionProblem {
  /** Node's code, such as `ECONNREFUSED` or `CERT_HAS_EXPIRED`. */
  readonly code: string | undefined
  /** What OpenSSL says, such as `wrong version number`. */
  readonly reason: string | undefined
  readonly port: string
  /** It answered with a frame of HTTP/2. */
  readonly http2: boolean
}

const untrusted: ReadonlySet<string | undefined> = new Set([
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** A server that wants a client certificate, or another one, ends the connection with one of these alerts. */
const wantsCertificate =
  /alert (bad certificate|certificate (required|expired|revoked|unknown)|unsupported certificate|unknown ca|access denied)/

const olderProtocol = /unsupported protocol|alert protocol version|wrong ssl version/

/** The TLS layer of the server refused the client before it read anything of a request. */
export const isCertificateAlert = ({ reason = '' }: Pick<ConnectionProblem, 'reason'>): boolean =>
  wantsCertificate.test(reason)

/** Returns the probable cause of a failed connection, and what to try. */
export function connectionAdvice(problem: ConnectionProblem, keys?: TlsKeys): string | undefined {
  const { code, reason = '', port, http2 } = problem
  if (http2 || port === '4317')
    return `${http2 ? 'it speaks HTTP/2, as gRPC does' : 'port 4317 is the one of OTLP over gRPC'}; OTLP over HTTP usually has port 4318`
  if (untrusted.has(code)) {
    const file = 'a PEM file with that authority, or with the certificate itself if it is self-signed'
    return `its certificate comes from an authority that is not trusted here; ${
      keys === undefined ? `set NODE_EXTRA_CA_CERTS to ${file}` : `set ${keys.authority} to ${file}`
    }`
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired; renew it, or check the clock of this machine'
    case 'CERT_NOT_YET_VALID':
      return 'its certificate is not valid yet; check the clock of this machine'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'its certificate is for other names; use one of them as the host'
    case 'ECONNREFUSED':
      return 'nothing listens there; check that the backend runs, and its host and port'
    case 'ENOTFOUND':
      return 'the host name is unknown; check it'
    case 'EAI_AGAIN':
      return 'no name server answers; check the network of this machine'
  }
  const own = keys === undefined ? '' : `; set ${keys.client}`
  if (isCertificateAlert(problem)) return `it wants a certificate of the client, or another one${own}`
  if (/alert handshake failure/.test(reason))
    return `it agreed to no way to encrypt, or wants a certificate of the client${own}`
  if (olderProtocol.test(reason)) return 'it has no version of TLS from 1.2 on'
  if (/wrong version number|packet length too long|http request/.test(reason))
    return 'it does not speak TLS there; use http://, or its port for https'
  return undefined
}

/** OpenSSL's words in one of Node's errors: newer versions have them in the code, older ones in the message. */
export function opensslReason(code: string | undefined, message: string): string | undefined {
  const [, fromCode] = /^ERR_SSL_([A-Z\d_]{1,80})$/.exec(code ?? '') ?? []
  if (fromCode !== undefined) return fromCode.toLowerCase().replaceAll('_', ' ')
  return /SSL routines:[^:]*:([A-Za-z\d ]{1,80}):/.exec(message)?.[1]
}

/** SETTINGS or GOAWAY on stream 0, with which a server of HTTP/2 begins, or ends, whatever it is asked. */
export const isHttp2Frame = (bytes: unknown): boolean =>
  bytes instanceof Uint8Array &&
  bytes.length >= 9 &&
  bytes[0] === 0 &&
  (bytes[3] === 4 || bytes[3] === 7) &&
  bytes.subarray(5, 9).every((byte) => byte === 0)
