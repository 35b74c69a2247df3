import { type Clock, elapsed } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import type { ConfigSource } from './source.ts'

/** How long a start waits for a remote source; what comes later is a change like any other. */
const patienceMs = 5000
const firstBackoffMs = 1000
const maxBackoffMs = 60_000

export interface RemoteFeed {
  /** Resolves when the first document was heard, the first attempt failed, or patience is over. Never rejects. */
  start(): Promise<void>
  state(): { readonly state: 'idle' | 'watching' | 'lost'; readonly error?: string }
  stop(): void
}

/** Keeps up with a remote source: loads it, watches it, and comes back with growing pauses when it is lost. */
export function createRemoteFeed(
  source: ConfigSource,
  clock: Clock,
  heard: (document: unknown) => void,
  lost: (error: string) => void,
): RemoteFeed {
  let generation = 0
  let stopWatching: (() => void) | undefined
  let retry: unknown
  let failures = 0
  let state: ReturnType<RemoteFeed['state']> = { state: 'idle' }

  const endWatch = (stop: (() => void) | undefined): void => {
    try {
      stop?.()
    } catch {
      // It is being left anyway.
    }
  }

  const disconnect = (): void => {
    generation += 1
    endWatch(stopWatching)
    stopWatching = undefined
    if (retry !== undefined) clock.clearTimeout(retry)
    retry = undefined
  }

  const fail = (error: unknown): void => {
    disconnect()
    const message = messageOf(error)
    if (state.state !== 'lost') lost(message)
    state = { state: 'lost', error: message }
    const ceiling = Math.min(firstBackoffMs * 2 ** failures, maxBackoffMs)
    failures += 1
    // A fleet that lost its store at the same moment does not come back at the same moment.
    retry = clock.setTimeout(() => void connect(), ceiling * (0.5 + Math.random() / 2))
  }

  const connect = async (): Promise<void> => {
    disconnect()
    const mine = generation
    let fresh = true
    const hear = (document: unknown): void => {
      if (mine !== generation) return
      fresh = false
      failures = 0
      state = { state: 'watching' }
      heard(document)
    }
    try {
      // Watching begins first, so that nothing falls between the two.
      const stop = await source.watch?.(hear, (error) => {
        if (mine === generation) fail(error)
      })
      if (mine !== generation) return endWatch(stop)
      stopWatching = stop
      const document = await source.load()
      if (mine === generation && fresh) hear(document)
    } catch (error) {
      if (mine === generation) fail(error)
    }
  }

  const start = (): Promise<void> =>
    new Promise((resolve) => {
      const began = elapsed(clock)
      const timer = clock.setTimeout(() => resolve(), patienceMs)
      void connect().then(() => {
        if (elapsed(clock) - began < patienceMs) clock.clearTimeout(timer)
        resolve()
      })
    })

  return { start, state: () => state, stop: disconnect }
}
