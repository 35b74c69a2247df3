// What docs/spans.md tells a reader to type works as it says.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { createTelemetry } from '../../src/index.ts'
import { createBackend } from '../../src/testing/index.ts'

const page = readFileSync(new URL('../../docs/spans.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, text]) => text!)
// The blocks are plain JavaScript that awaits.
const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<unknown>

describe('the page about spans', () => {
  it('shows spans that arrive as it says', async () => {
    const backend = createBackend()
    await backend.listen()
    const telemetry = createTelemetry({ config: { env: {}, init: { otel: { endpoint: backend.url } } } })
    await telemetry.start()
    const stream = new EventEmitter()
    const loaded: number[] = []
    let headers: Record<string, string> = {}
    const surroundings = {
      telemetry,
      stream,
      isBroken: async () => true,
      next: 'http://next',
      fetch: async (_url: string, options: { headers: Record<string, string> }) => {
        headers = options.headers
      },
      sendPart: () => {},
      load: (page: number) => telemetry.span('load', { page }, async () => page),
      console: { log: (page: number) => loaded.push(page) },
    }
    assert.equal(blocks.length, 3)
    for (const block of blocks)
      await new AsyncFunction(...Object.keys(surroundings), block)(...Object.values(surroundings))
    stream.emit('error', new Error('disk full'))
    stream.emit('close')
    await telemetry.stop()
    await backend.close()
    const named = (name: string) => backend.spans.find((span) => span.name === name)!
    const request = named('GET /users/:id')
    const { method, route, status } = request.attributes
    assert.deepEqual([method, route, status], ['GET', '/users/:id', 200])
    assert.deepEqual(
      request.events.map(({ name }) => name),
      ['cache.miss', 'exception'],
    )
    assert.equal(request.status.message, 'broken')
    assert.equal(headers.traceparent?.slice(36, 52), request.spanId)
    assert.equal(named('upload').status.message, 'disk full')
    assert.equal(named('upload.part').parentSpanId, named('upload').spanId)
    assert.deepEqual(loaded, [1, 2, 3])
    assert.deepEqual(
      backend.spans.filter(({ name }) => name === 'load').map(({ parentSpanId }) => parentSpanId),
      loaded.map(() => named('pages').spanId),
    )
  })
})
