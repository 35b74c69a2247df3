// The receiver of benchmarks and examples runs in a process of its own and says over IPC what it counted.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { startSink } from '../../bench/sink.ts'
import { spanOf } from './spans.ts'

describe('the sink process', () => {
  it('counts, fails as told, and ends when closed', async () => {
    const sink = await startSink()
    const post = async (): Promise<number | undefined> => {
      const sent = request(sink.url, {
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/x-protobuf' },
      })
      sent.end(ProtobufTraceSerializer.serializeRequest([spanOf(), spanOf()]))
      const [response] = await once(sent, 'response')
      response.resume()
      await once(response, 'end')
      return response.statusCode
    }
    assert.equal(await post(), 200)
    await sink.fault({ type: 'status', status: 503 }, { times: 1 })
    assert.equal(await post(), 503)
    const { spans, requests, received } = await sink.stats()
    assert.deepEqual([spans, requests, received], [2, 2, 4])
    await assert.rejects(sink.fault({ type: 'slow_tls' }), /slow_tls needs a backend with tls/)
    await sink.fault({ type: 'refuse' })
    await assert.rejects(post(), { code: 'ECONNREFUSED' })
    await sink.clear()
    await sink.forget()
    assert.equal(await post(), 200)
    assert.equal((await sink.stats()).spans, 2)
    await sink.close()
    await assert.rejects(post(), { code: 'ECONNREFUSED' })
    await assert.rejects(sink.stats())
  })
})
