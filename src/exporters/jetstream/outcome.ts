import { messageOf, TelemetryError } from '../../errors.ts'
import { JetStreamRefusal } from '../../nats-client/stored.ts'
import type { Outcome } from '../outcome.ts'

/** JetStream's codes that say that a stream has no room: for messages, for bytes, on its disk. */
const fullCodes = new Set([10_047, 10_077, 10_122, 10_123, 10_028, 10_023])
/** The message is larger than the stream takes. */
const tooLarge = 10_054

/** The name of the client's error, or of the one behind it. */
const isCalled = (error: unknown, name: string): boolean =>
  [error, (error as { cause?: unknown } | undefined)?.cause].some(
    (one) => (one as Error | undefined)?.name === name,
  )

/** Converts a failed publish to an outcome. `where` has no credentials. */
export function failureOf(error: unknown, where: string, subject: string): Outcome {
  if (error instanceof JetStreamRefusal) {
    if (error.reason === tooLarge) return { type: 'too_large' }
    if (fullCodes.has(error.reason) || /maximum|insufficient|exceed/i.test(error.message))
      return {
        type: 'retry',
        cause: new TelemetryError(
          'NATS_STREAM_FULL',
          `the stream of ${subject} at ${where} is full: ${error.message}`,
        ),
      }
    return { type: 'retry', cause: error }
  }
  if (isCalled(error, 'NoResponders'))
    return {
      type: 'retry',
      cause: new TelemetryError(
        'NATS_STREAM_MISSING',
        `no stream at ${where} stores ${subject}, or it has no leader`,
      ),
    }
  if (isCalled(error, 'PermissionViolationError'))
    return {
      type: 'misdirected',
      cause: new TelemetryError('NATS_REFUSED', `${where} does not permit publishing to ${subject}`),
    }
  // It was sent, or may have been; its fate is unknown.
  return {
    type: 'retry',
    ambiguous: true,
    cause: new TelemetryError(
      'NATS_NO_ANSWER',
      `${where} did not say whether it has stored a batch: ${messageOf(error)}`,
    ),
  }
}
