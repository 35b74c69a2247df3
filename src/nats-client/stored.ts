import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { TelemetryError } from '../errors.ts'
import { loadTransport } from './packages.ts'

/** The acknowledgement of a message that a stream has stored. */
export interface Stored {
  readonly stream: string
  readonly seq: number
  /** It was stored before, under the same `Nats-Msg-Id`. */
  readonly duplicate: boolean
}

/** An answer of JetStream that is a refusal. */
export class JetStreamRefusal extends TelemetryError {
  /** JetStream's own code, such as 10071. */
  readonly reason: number
  constructor(reason: number, description: string) {
    super('NATS_REFUSED', `JetStream refused: ${description} (${reason})`)
    this.name = 'JetStreamRefusal'
    this.reason = reason
  }
}

/** The last message of the subject has another sequence than the one expected. */
export const isConflict = (error: unknown): boolean =>
  error instanceof JetStreamRefusal && (error.reason === 10071 || error.reason === 10164)

const noMessage = 10_037

interface ApiAnswer {
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string }
}

function checked<Answer extends ApiAnswer>(answer: Answer): Answer {
  const { error } = answer
  if (error) throw new JetStreamRefusal(error.err_code ?? error.code, error.description ?? 'without a reason')
  return answer
}

/** Asks JetStream's API. @throws JetStreamRefusal, and what the client throws. */
export async function askJetStream<Answer>(
  connection: NatsConnection,
  subject: string,
  request: unknown,
  timeoutMs = 2000,
): Promise<Answer> {
  const message = await connection.request(
    `$JS.API.${subject}`,
    request === undefined ? undefined : JSON.stringify(request),
    { timeout: timeoutMs },
  )
  return checked(message.json<Answer & ApiAnswer>())
}

/**
 * Publishes a message and waits until a stream has stored it.
 * @throws JetStreamRefusal, and what the client throws.
 */
export async function publishStored(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array,
  {
    headers = {},
    timeoutMs = 2000,
  }: { readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
): Promise<Stored> {
  const written = await headersOf(headers)
  const message = await connection.request(subject, data, {
    timeout: timeoutMs,
    ...(written && { headers: written }),
  })
  const { stream, seq, duplicate } = checked(
    message.json<ApiAnswer & { stream: string; seq: number; duplicate?: boolean }>(),
  )
  return { stream, seq, duplicate: duplicate === true }
}

async function headersOf(given: Readonly<Record<string, string>>): Promise<MsgHdrs | undefined> {
  const entries = Object.entries(given)
  if (entries.length === 0) return undefined
  const { headers } = await loadTransport()
  const written = headers()
  for (const [name, value] of entries) written.set(name, value)
  return written
}

/** A message as a stream keeps it. */
export interface StoredMessage {
  readonly subject: string
  readonly seq: number
  /** Epoch milliseconds, by the server's clock. */
  readonly at: number
  readonly data: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** Returns the last message of a subject, from the leader of the stream; undefined without one. */
export const lastStored = (
  connection: NatsConnection,
  stream: string,
  subject: string,
  timeoutMs?: number,
): Promise<StoredMessage | undefined> => getStored(connection, stream, { last_by_subj: subject }, timeoutMs)

/** Returns the first message of a subject from a sequence on; undefined without one. The subject may have wildcards. */
export const nextStored = (
  connection: NatsConnection,
  stream: string,
  subject: string,
  from: number,
): Promise<StoredMessage | undefined> => getStored(connection, stream, { seq: from, next_by_subj: subject })

async function getStored(
  connection: NatsConnection,
  stream: string,
  which: Readonly<Record<string, unknown>>,
  timeoutMs = 2000,
): Promise<StoredMessage | undefined> {
  try {
    const { message } = await askJetStream<{
      message: { subject: string; seq: number; time: string; data?: string; hdrs?: string }
    }>(connection, `STREAM.MSG.GET.${stream}`, which, timeoutMs)
    return {
      subject: message.subject,
      seq: message.seq,
      at: Date.parse(message.time),
      data: Buffer.from(message.data ?? '', 'base64'),
      headers: readHeaders(Buffer.from(message.hdrs ?? '', 'base64').toString('utf8')),
    }
  } catch (error) {
    if (error instanceof JetStreamRefusal && error.reason === noMessage) return undefined
    throw error
  }
}

/** `NATS/1.0`, then lines of `name: value`. */
function readHeaders(text: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null)
  for (const line of text.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) found[line.slice(0, colon)] = line.slice(colon + 1).trim()
  }
  return found
}
