import { TelemetryError } from '../errors.ts'

/** The NATS servers, and the credentials for them. */
export interface NatsServers {
  /** URLs such as `nats://localhost:4222`, or `tls://…`. The client learns the other servers of a cluster by itself. */
  readonly servers: string | readonly string[]
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly token?: string | undefined
  /** Path of a credentials file, with a JWT and the seed of its key. */
  readonly credentialsFile?: string | undefined
  /** Paths of PEM files: authorities that the server is trusted by, and the certificate and key of this client. */
  readonly tls?:
    | {
        readonly certificate?: string | undefined
        readonly clientCertificate?: string | undefined
        readonly clientKey?: string | undefined
      }
    | undefined
}

const invalid = (message: string): TelemetryError => new TelemetryError('NATS_OPTION_INVALID', message)

/** Reads a server's URL. Returns what is wrong with it as a text, to end a sentence that begins with its key. */
export function serverProblem(url: unknown): string | undefined {
  const example = 'for example nats://localhost:4222 or tls://nats.example.com:4222'
  if (typeof url !== 'string' || !URL.canParse(url)) return `must be the URL of a NATS server, ${example}`
  const { protocol, username, password, hostname, pathname, search, hash } = new URL(url)
  if (protocol !== 'nats:' && protocol !== 'tls:') return `must begin with nats:// or tls://, ${example}`
  if (username !== '' || password !== '') return 'must have no credentials in it: there are keys for them'
  if (hostname === '') return `must name a host, ${example}`
  if (!(pathname === '' || pathname === '/') || search !== '' || hash !== '')
    return `must have nothing behind the port, ${example}`
  return undefined
}

/** `host:port` of a server's URL; the port is 4222 unless it is given. */
export function hostOf(url: string): { readonly host: string; readonly port: number; readonly tls: boolean } {
  const { protocol, hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 4222), tls: protocol === 'tls:' }
}

/** Checks options of the program. @throws TelemetryError `NATS_OPTION_INVALID`. */
export function checkedServers({ servers }: NatsServers): readonly string[] {
  const list = typeof servers === 'string' ? [servers] : servers
  if (!Array.isArray(list) || list.length === 0) throw invalid('servers must name at least one NATS server')
  for (const url of list as readonly unknown[]) {
    const problem = serverProblem(url)
    if (problem !== undefined) throw invalid(`servers ${problem}`)
  }
  return list as readonly string[]
}

const token = /^[A-Za-z0-9_-]{1,64}$/

/** Whether a text is a name as nodes, keys, buckets and streams have: one token of a NATS subject. */
export const isName = (name: unknown): name is string => typeof name === 'string' && token.test(name)

/** A name that is one token of a NATS subject. @throws TelemetryError `NATS_OPTION_INVALID`. */
export function checkedName(option: string, name: unknown): string {
  if (isName(name)) return name
  throw invalid(`${option} must be 1 to 64 letters, digits, "_" and "-" (got ${JSON.stringify(name)})`)
}
