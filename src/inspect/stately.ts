import type { InspectionEvent, Observer } from 'xstate'
import { TelemetryError } from '../errors.ts'
import type { InspectionObserver, InspectionRecord } from '../inspection.ts'
import { loadPeer, type Socket } from './peer.ts'
import { startRelay } from './relay.ts'
import { createSafeInspector, type SafeRecord } from './safe.ts'
import type { StandIn } from './stand-in.ts'

/** The options of {@link watchInStately}. */
export interface StatelyWatchOptions {
  /** Default 8080; with 0 any free port is used. */
  readonly port?: number
  /** A loopback address. Default 127.0.0.1. */
  readonly host?: '127.0.0.1' | '::1' | 'localhost'
  /** The inspector to show. Default `https://stately.ai/inspect`. */
  readonly inspectorUrl?: string
}

/** Pass it as `createTelemetry({ inspect })`. */
export interface StatelyWatch extends InspectionObserver {
  next(record: InspectionRecord): void
  /** To open in a browser. */
  readonly url: string
  /** Ends every connection and frees the port. The telemetry system continues without the inspector. */
  close(): Promise<void>
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])
/** A watcher that reads so slowly is let go: it would grow in this process. */
const mostBuffered = 4 * 1024 * 1024
const mostActors = 2_000

/**
 * Shows the running charts in the Stately inspector: `createTelemetry({ inspect: await watchInStately() })`, then
 * open `url`. The page and its socket are served from this process, to this machine only; the inspector inside
 * the page is Stately's, and needs the internet in the browser. Records are those of {@link createSafeInspector}.
 * While no inspector is connected, it only keeps a list of the living actors. Needs @statelyai/inspect (0.7).
 *
 * @throws TelemetryError `INSPECT_UNAVAILABLE` (package missing), `INSPECT_NOT_LOOPBACK`, `INSPECT_INVALID`,
 * `INSPECT_LISTEN_FAILED`
 */
export async function watchInStately({
  port = 8080,
  host = '127.0.0.1',
  inspectorUrl = 'https://stately.ai/inspect',
}: StatelyWatchOptions = {}): Promise<StatelyWatch> {
  if (!loopback.has(host))
    throw new TelemetryError(
      'INSPECT_NOT_LOOPBACK',
      'the inspector does not authenticate: it listens on loopback only; use a tunnel to watch from another machine',
    )
  if (!URL.canParse(inspectorUrl) || !/^https?:$/.test(new URL(inspectorUrl).protocol))
    throw new TelemetryError('INSPECT_INVALID', 'inspectorUrl must be an http or https address')
  const peer = await loadPeer()
  const watchers = new Set<Observer<InspectionEvent>>()
  const actors = new Map<string, { rootId: string; actorRef: StandIn }>()

  /** One that comes late first hears of every living actor, and where it is. */
  const welcome = (socket: Socket): void => {
    const watcher = peer.convert((record) => {
      if (socket.readyState !== 1) return
      if (socket.bufferedAmount > mostBuffered) return socket.terminate()
      socket.send(JSON.stringify(record))
    })
    socket.on('close', () => watchers.delete(watcher))
    for (const actor of actors.values())
      watcher.next?.({ type: '@xstate.actor', ...actor } as unknown as InspectionEvent)
    watchers.add(watcher)
  }

  const relay = await startRelay({ peer, host, port, inspectorUrl, onWatcher: welcome })
  const safe = createSafeInspector((event) => {
    const { type, rootId, actorRef } = event as SafeRecord
    if (type === '@xstate.actor') {
      actors.set(actorRef.sessionId, { rootId, actorRef })
      const [oldest] = actors.keys()
      if (actors.size > mostActors && oldest !== undefined) actors.delete(oldest)
    }
    for (const watcher of watchers) watcher.next?.(event as InspectionEvent)
  })
  let closed = false
  /** The inspector does not show steps within a transition; without viewers, only the life of actors matters. */
  const isWanted = ({ type }: InspectionEvent): boolean =>
    type === '@xstate.actor' ||
    (watchers.size > 0 && (type === '@xstate.snapshot' || type === '@xstate.event'))

  return {
    next(record) {
      if (closed) return
      const event = record as InspectionEvent
      if (isWanted(event)) safe.next?.(event)
      if (event.type === '@xstate.snapshot' && event.snapshot.status !== 'active')
        actors.delete(event.actorRef.sessionId)
    },
    url: `http://${host === '::1' ? '[::1]' : host}:${relay.port}/`,
    async close() {
      closed = true
      watchers.clear()
      actors.clear()
      await relay.close()
    },
  }
}
