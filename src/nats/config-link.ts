import type { Msg, NatsConnection } from '@nats-io/transport-node'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { lastStored } from '../nats-client/stored.ts'
import { createLatest, type Latest } from './latest.ts'
import { type FleetNames, headerNames } from './names.ts'

/** A message of a configuration key. */
export interface ConfigMessage {
  readonly seq: number
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** A connection that hears of the documents of a fleet. */
export interface ConfigLink {
  readonly connection: NatsConnection
  /** The server is away. */
  readonly isAway: boolean
  /** Asks for what was missed. Rejects if the store does not answer. */
  catchUp(): Promise<void>
  /** Closes the connection. Resolves when nothing of it is left. */
  close(): Promise<void>
}

export interface LinkOptions {
  readonly connection: NatsConnection
  readonly names: FleetNames
  readonly clock: Clock
  /** How long the connection may be away before it is given up. Milliseconds. */
  readonly patienceMs: number
  heard(what: 'config' | 'canary', message: ConfigMessage): void
  /** Called once, unless it is closed first. */
  lost(error: string): void
}

function published(message: Msg): ConfigMessage {
  const { headers } = message
  return {
    seq: Number(headers?.get(headerNames.sequence)),
    data: message.data,
    headers: { [headerNames.operation]: headers?.get(headerNames.operation) || undefined },
  }
}

/**
 * Listens to what the stream republishes, and asks it for its last messages first, after each time the connection was
 * away, and whenever told to: what is published is heard at once, and what was missed is not lost.
 */
export async function openConfigLink(options: LinkOptions): Promise<ConfigLink> {
  const { connection, names, clock, patienceMs, heard, lost } = options
  let closed = false
  let isAway = false
  let patience: unknown

  const latestOf = (subject: string): Latest<ConfigMessage> =>
    createLatest(() => lastStored(connection, names.config.stream, subject))
  const subjects = {
    config: { republished: names.config.republished, latest: latestOf(names.config.subject) },
    canary: { republished: names.canary.republished, latest: latestOf(names.canary.subject) },
  }

  const give = (what: 'config' | 'canary', message: ConfigMessage | undefined): void => {
    if (message !== undefined && !closed) heard(what, message)
  }

  const catchUp = async (): Promise<void> => {
    const [config, canary] = await Promise.all([subjects.config.latest.ask(), subjects.canary.latest.ask()])
    give('config', config)
    give('canary', canary)
  }

  const calm = (): void => {
    if (patience !== undefined) clock.clearTimeout(patience)
    patience = undefined
  }

  const end = async (): Promise<void> => {
    closed = true
    calm()
    await connection.close().catch(() => {})
  }

  const giveUp = (error: string): void => {
    if (closed) return
    void end()
    lost(error)
  }

  const follow = async (): Promise<void> => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') {
        isAway = true
        patience ??= clock.setTimeout(() => giveUp('the NATS server is away'), patienceMs)
      }
      if (type !== 'reconnect') continue
      isAway = false
      calm()
      // The stream may have no leader yet: the next heartbeat asks again.
      catchUp().catch(() => {})
    }
  }

  for (const [what, { republished, latest }] of Object.entries(subjects))
    connection.subscribe(republished, {
      callback: (error, message) => {
        // Without permission to listen, the heartbeat's question is all there is.
        if (error) return
        const news = published(message)
        if (Number.isSafeInteger(news.seq) && latest.published(news)) give(what as 'config', news)
      },
    })
  void follow().catch(() => {})
  void connection.closed().then((error) => giveUp(error ? messageOf(error) : 'the connection was closed'))
  try {
    // From here on nothing falls between what is asked for and what is heard.
    await connection.flush()
    await catchUp()
  } catch (error) {
    await end()
    throw error
  }
  return {
    connection,
    get isAway() {
      return isAway
    },
    catchUp,
    close: end,
  }
}
