import { readFile } from 'node:fs/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { messageOf, TelemetryError } from '../errors.ts'
import { loadTransport } from './packages.ts'
import { checkedServers, hostOf, type NatsServers } from './servers.ts'

export interface ConnectOptions extends NatsServers {
  /** Name of the connection in the server's monitoring. */
  readonly name: string
  /** Subject that answers come in under: credentials may be limited to it. */
  readonly inboxPrefix?: string | undefined
  /** How long connecting may take. Default: 2,000. */
  readonly timeoutMs?: number
  /** False: the first loss of the connection ends it. Default: true. */
  readonly reconnects?: boolean
  /** Connect to this address, and to no other server of the cluster. */
  readonly onlyAddress?: string | undefined
}

const refusal = /authorization|authentication|credential/i

/** Converts an error to a TelemetryError. `where` has no credentials. */
function unreachable(error: unknown, where: string): TelemetryError {
  const message = messageOf(error)
  return refusal.test(`${(error as Error)?.name} ${message}`)
    ? new TelemetryError('NATS_REFUSED', `the NATS server at ${where} refused the credentials: ${message}`)
    : new TelemetryError('NATS_UNREACHABLE', `cannot connect to the NATS server at ${where}: ${message}`)
}

const readFileOf = async (option: string, path: string): Promise<Buffer> => {
  try {
    return await readFile(path)
  } catch (error) {
    throw new TelemetryError('NATS_OPTION_INVALID', `${option} cannot be read: ${messageOf(error)}`)
  }
}

async function certificatesOf(tls: NatsServers['tls']) {
  const read = async (option: string, path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : (await readFileOf(option, path)).toString('utf8')
  const [ca, cert, key] = await Promise.all([
    read('certificate', tls?.certificate),
    read('clientCertificate', tls?.clientCertificate),
    read('clientKey', tls?.clientKey),
  ])
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}

/**
 * Connects. While the server is away the connection comes back by itself, unless `reconnects` is false.
 * @throws TelemetryError `NATS_OPTION_INVALID`, `NATS_PACKAGE_MISSING`, `NATS_REFUSED`, `NATS_UNREACHABLE`.
 */
export async function connectTo(options: ConnectOptions): Promise<NatsConnection> {
  const servers = checkedServers(options)
  const { connect, credsAuthenticator } = await loadTransport()
  const { user, password, token, credentialsFile, tls, onlyAddress, timeoutMs = 2000 } = options
  const credentials = credentialsFile && (await readFileOf('credentialsFile', credentialsFile))
  const certificates = await certificatesOf(tls)
  const { host, port, tls: encrypted } = hostOf(servers[0]!)
  const wantsTls = tls !== undefined || servers.some((url) => hostOf(url).tls)
  try {
    return await connect({
      servers: onlyAddress === undefined ? [...servers] : [`${inBrackets(onlyAddress)}:${port}`],
      ...(onlyAddress !== undefined && { ignoreClusterUpdates: true, resolve: false }),
      name: options.name,
      ...(options.inboxPrefix !== undefined && { inboxPrefix: options.inboxPrefix }),
      timeout: timeoutMs,
      reconnect: options.reconnects ?? true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      // A fleet that lost its server at the same moment does not come back at the same moment.
      reconnectJitter: 200,
      reconnectJitterTLS: 400,
      pingInterval: 10_000,
      maxPingOut: 2,
      noAsyncTraces: true,
      // Credentials that are being changed must not end it for good.
      ignoreAuthErrorAbort: true,
      ...(user !== undefined && { user }),
      ...(password !== undefined && { pass: password }),
      ...(token !== undefined && { token }),
      ...(credentials && { authenticator: credsAuthenticator(credentials) }),
      ...(wantsTls && {
        tls: { ...certificates, ...(encrypted && onlyAddress !== undefined && { servername: host }) },
      }),
    })
  } catch (error) {
    throw unreachable(error, servers.join(', '))
  }
}

const inBrackets = (address: string): string => (address.includes(':') ? `[${address}]` : address)
