import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import type { InspectionEvent, Observer } from 'xstate'
import { TelemetryError } from '../errors.ts'

/** As much of a `ws` socket as a sender needs. */
export interface Socket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(text: string): void
  on(event: 'close' | 'error', listener: () => void): void
  terminate(): void
}

export interface SocketServer {
  readonly clients: ReadonlySet<Socket>
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: Socket) => void): void
  close(): void
}

/** The parts of the optional peer dependency that we use. */
export interface Peer {
  /** Turns XState's records into the inspector's. */
  convert(send: (record: unknown) => void): Observer<InspectionEvent>
  createSocketServer(): SocketServer
}

/** Charts are deeper than the inspector's default of 10. */
const definitionDepth = 64

const missing = (cause: unknown): TelemetryError =>
  new TelemetryError(
    'INSPECT_UNAVAILABLE',
    'watching in the Stately inspector needs the package @statelyai/inspect 0.7: npm install --save-dev @statelyai/inspect',
    { cause },
  )

/** @throws TelemetryError `INSPECT_UNAVAILABLE` when the package is not installed. */
export async function loadPeer(): Promise<Peer> {
  try {
    const { createInspector } = await import('@statelyai/inspect')
    // The package's own WebSocket library: found from where the package is, it is no dependency of ours.
    const near = createRequire(createRequire(import.meta.url).resolve('@statelyai/inspect'))
    const { WebSocketServer } = near('ws') as {
      WebSocketServer: new (options: object) => SocketServer
    }
    return {
      convert: (send) => createInspector({ send }, { serializationDepthLimit: definitionDepth }).inspect,
      createSocketServer: () =>
        new WebSocketServer({ noServer: true, maxPayload: 1_024, perMessageDeflate: false }),
    }
  } catch (error) {
    throw missing(error)
  }
}
