import { lookup } from 'node:dns/promises'
import type { NatsConnection } from '@nats-io/transport-node'
import { TelemetryError } from '../../errors.ts'
import { connectTo } from '../../nats-client/connection.ts'
import { hostOf } from '../../nats-client/servers.ts'
import { publishStored } from '../../nats-client/stored.ts'
import type { OpenContext } from '../exporter.ts'
import { type ForbidAddress, forbidden, isForbidden } from '../http/address.ts'
import type { Outcome } from '../outcome.ts'
import type { JetStreamConnection } from './connection-keys.ts'
import { failureOf } from './outcome.ts'

/** Headers of a message with telemetry. */
export const telemetryHeaders = {
  /** The weight of the batch, in events. */
  weight: 'Telemachine-Weight',
  id: 'Nats-Msg-Id',
} as const

/** Counters of the batches that a stream has stored, over all clients of an exporter. */
export interface Published {
  batches: number
  /** Batches among them that were already stored when they were sent again. */
  duplicates: number
}

export interface JetStreamClient {
  /** Publishes a request, and waits until a stream has stored it. Never rejects. */
  publish(
    request: Uint8Array,
    options: {
      readonly id: string
      readonly weight: number
      readonly timeoutMs: number
      readonly signal: AbortSignal
    },
  ): Promise<Outcome>
  /** Asks whether a stream stores the subject, with an empty message that no stream takes. */
  probe(timeoutMs: number): Promise<Outcome>
  /** The size of a message that the server takes. */
  readonly maxBytes: number
  close(): Promise<void>
}

/** Room for the headers, which the server counts too. */
const headerBytes = 512

/** The address to connect to, where the destination was named by an untrusted source: checked, and used as it is. */
async function permittedAddress(server: string, forbid: ForbidAddress): Promise<string> {
  const { host } = hostOf(server)
  const found = await lookup(host, { all: true })
  const permitted = found.find(({ address }) => !isForbidden(address, forbid))
  if (permitted === undefined) throw forbidden(host)
  return permitted.address
}

const away = (where: string): Outcome => ({
  type: 'retry',
  cause: new TelemetryError('NATS_UNREACHABLE', `the NATS server at ${where} cannot be reached`),
})

/** Opens a connection of its own. It comes back by itself when the server does. */
export async function openJetStreamClient(
  config: JetStreamConnection,
  { id, forbidAddress }: Pick<OpenContext<unknown>, 'id' | 'forbidAddress'>,
  published: Published,
): Promise<JetStreamClient> {
  const { server: where, subject } = config
  const given = <Value>(value: Value | null): Value | undefined => value ?? undefined
  const hasTls = config.certificate !== null || config.client_certificate !== null
  const connection = await connectTo({
    servers: where,
    user: given(config.user),
    password: given(config.password),
    token: given(config.token),
    credentialsFile: given(config.credentials_file),
    ...(hasTls && {
      tls: {
        certificate: given(config.certificate),
        clientCertificate: given(config.client_certificate),
        clientKey: given(config.client_key),
      },
    }),
    name: `telemachine ${id}`,
    inboxPrefix: config.inbox,
    ...(forbidAddress && { onlyAddress: await permittedAddress(where, forbidAddress) }),
  })
  let isAway = false
  void follow(connection, (now) => {
    isAway = now
  })

  return {
    publish: async (request, { id: messageId, weight, timeoutMs, signal }) => {
      // A client that is away would keep the message, and send it later.
      if (isAway || connection.isClosed()) return away(where)
      const headers = { [telemetryHeaders.id]: messageId, [telemetryHeaders.weight]: String(weight) }
      try {
        const { duplicate } = await aborting(
          signal,
          publishStored(connection, subject, request, { headers, timeoutMs: Math.max(timeoutMs, 1) }),
        )
        published.batches += 1
        if (duplicate) published.duplicates += 1
        return { type: 'delivered' }
      } catch (error) {
        return failureOf(error, where, subject)
      }
    },
    probe: async (timeoutMs) => {
      try {
        // No stream has an empty one: the subject is all that is looked at.
        await publishStored(connection, subject, Buffer.alloc(0), {
          headers: { 'Nats-Expected-Stream': 'telemachine-probe' },
          timeoutMs,
        })
        return { type: 'delivered' }
      } catch (error) {
        const outcome = failureOf(error, where, subject)
        return isOtherStream(error) ? { type: 'delivered' } : outcome
      }
    },
    get maxBytes() {
      return (connection.info?.max_payload ?? 1024 * 1024) - headerBytes
    },
    close: () => connection.close(),
  }
}

/** The stream exists, and is not called as it was expected to be: what a probe wants to know. */
const isOtherStream = (error: unknown): boolean => (error as { reason?: number }).reason === 10_060

async function follow(connection: NatsConnection, changed: (isAway: boolean) => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') changed(true)
    else if (type === 'reconnect') changed(false)
  }
}

/** Rejects when the signal does, whatever becomes of the work. */
function aborting<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
