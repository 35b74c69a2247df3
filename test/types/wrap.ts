// Guards that a wrapped handler still is what its platform expects. Nothing here runs.
import { createTelemetry } from '../../src/index.ts'

/** As in @types/aws-lambda. */
type Callback<Result> = (error?: Error | string | null, result?: Result) => void
// biome-ignore lint/suspicious/noConfusingVoidType: it is the type of the platform.
type Nothing = void
type Handler<Event, Result> = (
  event: Event,
  context: { getRemainingTimeInMillis(): number },
  callback: Callback<Result>,
) => Nothing | Promise<Result>
interface Answer {
  statusCode: number
}

const telemetry = createTelemetry()

export const lambda: Handler<{ key: string }, Answer> = telemetry.wrap(async ({ key }: { key: string }) => ({
  statusCode: key.length,
}))
const typed: Handler<string, Answer> = (_event, _context, callback) => callback(null, { statusCode: 200 })
export const typedAndWrapped: Handler<string, Answer> = telemetry.wrap(typed)
export const vercel: (request: Request) => Promise<Response> = telemetry.wrap(
  async (request: Request) => new Response(request.url),
)
export const plain: (n: number) => Promise<string> = telemetry.wrap((n: number) => String(n), {
  name: 'plain',
})
export const nothing: () => Promise<void> = telemetry.wrap(() => {})

export const mistakes = [
  // @ts-expect-error: no function
  telemetry.wrap({}),
  // @ts-expect-error: a typo
  telemetry.wrap(() => {}, { flushTimeout: 1 }),
  // @ts-expect-error: the handler wants a string
  telemetry.wrap((event: string) => event)(1),
]
