import { fork } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type BackendStats, createBackend, type Fault, type FaultOptions } from '../src/testing/index.ts'

/** An OTLP receiver in a process of its own, so that its work is not in the figures of the sender. */
export interface Sink {
  readonly url: string
  stats(): Promise<SinkStats>
  /** As the backend's; a `choose` fault does not travel between processes. */
  fault(fault: Fault, options?: FaultOptions): Promise<void>
  /** Forgets all faults. */
  clear(): Promise<void>
  /** Forgets the counters. */
  forget(): Promise<void>
  /** Resets (RST) every connection; those that a `hang` holds, say. */
  reset(): Promise<void>
  close(): Promise<void>
}

export interface SinkStats extends BackendStats {
  /** Spans accepted: `spanCount`. */
  readonly spans: number
  /** With `decode: 'ids'`: spans accepted, each counted once however often it was. */
  readonly distinct: number
}

export interface SinkOptions {
  /** Default: 0, a free one. */
  readonly port?: number
  /** Default: `count`, which leaves the processor to the sender. `ids` decodes fully and tells spans apart. */
  readonly decode?: 'full' | 'count' | 'ids'
}

type Call =
  | { readonly id: number; readonly do: 'stats' | 'clear' | 'forget' | 'reset' }
  | { readonly id: number; readonly do: 'fault'; readonly fault: Fault; readonly options: FaultOptions }

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** Starts the process and waits until it listens. It ends with `close()`, or with the process that started it. */
export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const child = fork(fileURLToPath(import.meta.url), [], {
    execArgv: import.meta.url.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [],
    env: { ...process.env, [role]: JSON.stringify(options) },
    // `Infinity` is a legal length of a dripped answer.
    serialization: 'advanced',
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let calls = 0

  const ended = once(child, 'exit').then(([code, signal]) => {
    const error = new Error(`the sink ended with ${code ?? signal}`)
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
    return error
  })
  const url = await Promise.race([
    once(child, 'message').then(([ready]) => (ready as { url: string }).url),
    ended.then((error) => Promise.reject(error)),
  ])
  child.on('message', ({ id, value, error }: Answer) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(error))
  })

  const send = (call: { readonly do: Call['do']; readonly fault?: Fault; readonly options?: FaultOptions }) =>
    new Promise<unknown>((resolve, reject) => {
      calls += 1
      const id = calls
      waiting.set(id, { resolve, reject })
      child.send({ id, ...call }, (error) => {
        if (!error) return
        waiting.delete(id)
        reject(error)
      })
    })

  return {
    url,
    stats: async () => (await send({ do: 'stats' })) as SinkStats,
    fault: async (fault, faultOptions = {}) => {
      await send({ do: 'fault', fault, options: faultOptions })
    },
    clear: async () => {
      await send({ do: 'clear' })
    },
    forget: async () => {
      await send({ do: 'forget' })
    },
    reset: async () => {
      await send({ do: 'reset' })
    },
    close: async () => {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** Set in the environment of the child process, to its options. */
const role = 'TELEMACHINE_SINK'

async function serve(options: SinkOptions): Promise<void> {
  const { port = 0, decode = 'count' } = options
  const backend = createBackend({ port, decode: decode === 'ids' ? 'full' : decode, limit: 0 })
  await backend.listen()

  const ids = new Set<string>()
  if (decode === 'ids')
    backend.onRequest(({ spans, accepted }) => {
      for (const { spanId } of spans.slice(0, accepted)) ids.add(spanId)
    })
  const sockets = new Set<Socket>()
  subscribe('http.server.request.start', (message) => {
    const { socket } = message as { readonly socket: Socket }
    if (sockets.has(socket)) return
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  const perform = async (call: Call): Promise<unknown> => {
    switch (call.do) {
      case 'stats':
        return { ...backend.stats(), spans: backend.spanCount, distinct: ids.size }
      case 'fault':
        return backend.fault(call.fault, call.options)
      case 'clear':
        return backend.clear()
      case 'forget':
        ids.clear()
        return backend.forget()
      case 'reset':
        for (const socket of sockets) socket.resetAndDestroy()
    }
  }
  process.on('message', (call: Call) => {
    perform(call).then(
      (value) => process.send?.({ id: call.id, value }),
      (error: unknown) => process.send?.({ id: call.id, error: String(error) }),
    )
  })
  process.on('disconnect', () => void backend.close())
  // A terminal's Ctrl-C reaches both processes; the starter may still want the count.
  process.on('SIGINT', () => {})
  process.send?.({ url: backend.url })
}

const given = process.env[role]
if (given !== undefined && process.send) await serve(JSON.parse(given) as SinkOptions)
