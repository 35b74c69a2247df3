import { createServer } from 'node:net'

/** `preferred` if it is free on loopback, else 0, which takes any. */
export function freePort(preferred: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(0))
    server.listen({ port: preferred > 65_535 ? 0 : preferred, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(preferred > 65_535 ? 0 : preferred)),
    )
  })
}
