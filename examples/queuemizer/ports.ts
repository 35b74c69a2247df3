import { type AddressInfo, createServer } from 'node:net'

/** `preferred` if it is free on loopback, else another port that is. */
export function freePort(preferred: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => (preferred === 0 ? reject(error) : resolve(freePort(0))))
    server.listen({ port: preferred > 65_535 ? 0 : preferred, host: '127.0.0.1', exclusive: true }, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
