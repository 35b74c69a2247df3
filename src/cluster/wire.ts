import type { Socket } from 'node:net'

/** Messages over a socket: one line of JSON each. */
export interface Wire {
  send(message: object): void
  end(): void
  destroy(): void
}

const maxLineBytes = 32 * 1024 * 1024

export interface WireListener {
  readonly message: (message: Readonly<Record<string, unknown>>) => void
  /** Called once. No message follows. */
  readonly closed: () => void
}

/** Reads messages from a socket, which never keeps the process alive. One that sends anything else is closed. */
export function createWire(socket: Socket, listener: WireListener): Wire {
  let parts: Buffer[] = []
  let bytes = 0
  let isClosed = false

  const close = (): void => {
    socket.destroy()
    if (isClosed) return
    isClosed = true
    listener.closed()
  }
  const take = (line: string): void => {
    const message = read(line)
    if (message === undefined) close()
    else if (!isClosed) listener.message(message)
  }

  socket.unref()
  socket.on('error', close)
  socket.on('end', close)
  socket.on('close', close)
  socket.on('data', (chunk) => {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString()
      parts = []
      bytes = 0
      start = end + 1
      take(line)
    }
    if (start === chunk.length) return
    parts.push(start === 0 ? chunk : chunk.subarray(start))
    bytes += chunk.length - start
    if (bytes > maxLineBytes) close()
  })
  return {
    send: (message) => {
      if (!isClosed && socket.writable) socket.write(`${JSON.stringify(message)}\n`)
    },
    end: () => socket.end(),
    destroy: close,
  }
}

function read(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const message: unknown = JSON.parse(line)
    if (typeof message === 'object' && message !== null) return message as Readonly<Record<string, unknown>>
  } catch {}
  return undefined
}
