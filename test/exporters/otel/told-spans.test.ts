// What spans are told while they run arrives at the backend, with either client.
import assert from 'node:assert/strict'
import { createTelemetry } from '../../../src/index.ts'
import { type Backend, createBackend, type ReceivedSpan } from '../../../src/testing/index.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

for (const client of ['native', 'package'] as const)
  describe(`spans that are told things, through the ${client} client`, () => {
    let backend: Backend
    beforeEach(async () => {
      backend = createBackend()
      await backend.listen()
    })
    afterEach(() => backend.close())

    async function sent(
      use: (telemetry: ReturnType<typeof createTelemetry>) => unknown,
    ): Promise<(name: string) => ReceivedSpan> {
      const telemetry = createTelemetry({
        logger: quietLogger,
        drainOnExit: false,
        config: { env: {}, init: { otel: { endpoint: backend.url, client } } },
      })
      await telemetry.start()
      await use(telemetry)
      assert.ok((await telemetry.stop()).complete)
      return (name) => {
        const found = backend.spans.filter((span) => span.name === name)
        assert.equal(found.length, 1, `${found.length} spans ${name}`)
        return found[0]!
      }
    }

    it('have the name, the attributes and the events they were told', async () => {
      const before = BigInt(Date.now()) * 1_000_000n
      const span = await sent((telemetry) =>
        telemetry.span('http', { correlation_id: 1, route: 'unknown' }, async (http) => {
          http.rename('GET /users/:id')
          http.set({ route: '/users/:id', status: 200 })
          http.addEvent('cache.miss', { key: 'user:7', tries: [1, 2] })
          await telemetry.span('db', { correlation_id: 1 }, async () => {})
        }),
      )
      const http = span('GET /users/:id')
      const { duration_ms, ...attributes } = http.attributes
      assert.equal(typeof duration_ms, 'number')
      assert.deepEqual(attributes, { correlation_id: 1, route: '/users/:id', status: 200 })
      assert.deepEqual(
        http.events.map(({ name, attributes: told }) => [name, told]),
        [['cache.miss', { key: 'user:7', tries: [1, 2] }]],
      )
      const time = http.events[0]!.timeUnixNano
      assert.ok(time >= before - 50_000_000n && time <= http.endTimeUnixNano)
      assert.equal(span('db').parentSpanId, http.spanId)
    })

    it('have the status and the exception of the error they were failed with, beside their events', async () => {
      const span = await sent((telemetry) =>
        telemetry.span('job', (job) => {
          job.addEvent('first')
          job.fail(new RangeError('too far'))
        }),
      )
      const job = span('job')
      assert.deepEqual([job.status.code, job.status.message], [2, 'too far'])
      assert.deepEqual(
        job.events.map(({ name }) => name),
        ['first', 'exception'],
      )
      assert.equal(job.events[1]?.attributes['exception.type'], 'RangeError')
    })

    it('count what they had no room for', async () => {
      const span = await sent((telemetry) =>
        telemetry.span('job', (job) => {
          for (let i = 0; i < 130; i++) job.addEvent('again')
          job.set(Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`k${i}`, i])))
          job.set({ more: 1 })
        }),
      )
      assert.deepEqual([span('job').events.length, span('job').droppedEventsCount], [128, 2])
      // 127 of metadata, with the correlation id, and the duration.
      assert.deepEqual(
        [Object.keys(span('job').attributes).length, span('job').droppedAttributesCount],
        [128, 3],
      )
    })

    it('may last until they are ended, and be the parents of others', async () => {
      const span = await sent(async (telemetry) => {
        const upload = telemetry.startSpan('upload', { file: 'a' })
        upload.run(() => telemetry.span('part', {}, () => {}))
        const callback = upload.run(() => telemetry.startSpan('callback'))
        callback.end()
        upload.set({ bytes: 10 })
        upload.end()
      })
      for (const name of ['part', 'callback']) {
        assert.equal(span(name).parentSpanId, span('upload').spanId)
        assert.equal(span(name).traceId, span('upload').traceId)
      }
      assert.deepEqual([span('upload').attributes.file, span('upload').attributes.bytes], ['a', 10])
    })
  })
