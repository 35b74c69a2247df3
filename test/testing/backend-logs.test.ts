// The test backend takes log records as it takes spans: it decodes strictly, counts, and fails as it is told to.
import assert from 'node:assert/strict'
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs'
import { type Backend, createBackend, type RequestFault } from '../../src/testing/index.ts'
import { post } from './post.ts'

function recordsOf(count: number): ReadableLogRecord[] {
  const records: ReadableLogRecord[] = []
  const keep = {
    onEmit: (record: unknown) => records.push(record as ReadableLogRecord),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const resource = resourceFromAttributes({ 'service.name': 'a test' })
  const logger = new LoggerProvider({ resource, processors: [keep] }).getLogger('a scope')
  for (let i = 0; i < count; i++)
    logger.emit({
      eventName: `event ${i}`,
      severityNumber: 9,
      body: { n: i },
      attributes: { list: [1, 'a'] },
    })
  return records
}

const bodyOf = (count: number): Uint8Array => ProtobufLogsSerializer.serializeRequest(recordsOf(count))!

describe('the test backend, sent logs', () => {
  let backend: Backend
  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
  })
  afterEach(() => backend.close())

  it('takes protobuf and JSON, and keeps the records apart from spans', async () => {
    assert.equal((await post(backend.logsUrl, bodyOf(2))).status, 200)
    const json = Buffer.from(JsonLogsSerializer.serializeRequest(recordsOf(1))!).toString()
    assert.equal(await (await post(backend.logsUrl, json, 'application/json')).text(), '{}')
    await backend.waitForLogRecords(3)
    assert.deepEqual([backend.logRecordCount, backend.spanCount, backend.received], [3, 0, 3])
    assert.equal(backend.acceptedWithoutAnswer, 0)
    for (const [i, name] of ['event 0', 'event 1', 'event 0'].entries()) {
      const { eventName, severityNumber, body, attributes, resource, scope } = backend.logRecords[i]!
      assert.deepEqual([eventName, severityNumber, attributes], [name, 9, { list: [1, 'a'] }])
      assert.deepEqual(body, { n: Number(name.at(-1)) })
      assert.deepEqual([resource?.attributes['service.name'], scope?.name], ['a test', 'a scope'])
    }
    backend.forget()
    assert.deepEqual([backend.logRecordCount, backend.logRecords.length], [0, 0])
  })

  it('refuses what is malformed, and what is sent to the path of another signal', async () => {
    assert.equal((await post(backend.logsUrl, bodyOf(1).subarray(0, -1))).status, 400)
    // severity_number 25
    assert.equal(
      (await post(backend.logsUrl, Uint8Array.from([0x0a, 6, 0x12, 4, 0x12, 2, 0x10, 25]))).status,
      400,
    )
    const misdirected = await post(backend.url, bodyOf(1))
    assert.equal(misdirected.status, 400)
    assert.equal(backend.malformed, 3)
    assert.equal(backend.logRecordCount, 0)
  })

  it('counts without decoding, if it is told to', async () => {
    const counting = createBackend({ decode: 'count' })
    await counting.listen()
    try {
      await post(counting.logsUrl, bodyOf(25))
      assert.deepEqual([counting.logRecordCount, counting.logRecords.length], [25, 0])
    } finally {
      await counting.close()
    }
  })

  it('answers a partial success with the records it refuses, in protobuf and JSON', async () => {
    backend.fault({ type: 'partial', rejected: 2, message: 'too old' })
    const protobuf = await post(backend.logsUrl, bodyOf(5))
    const said = ProtobufLogsSerializer.deserializeResponse(new Uint8Array(await protobuf.arrayBuffer()))
    assert.equal(Number(said.partialSuccess?.rejectedLogRecords), 2)
    assert.equal(said.partialSuccess?.errorMessage, 'too old')
    const json = Buffer.from(JsonLogsSerializer.serializeRequest(recordsOf(5))!).toString()
    const answer = (await (await post(backend.logsUrl, json, 'application/json')).json()) as object
    assert.deepEqual(answer, { partialSuccess: { rejectedLogRecords: '2', errorMessage: 'too old' } })
    assert.deepEqual([backend.logRecordCount, backend.rejected, backend.received], [6, 4, 10])
    assert.equal(backend.logRecords.length, 6)
  })

  const faults: readonly [RequestFault, accepted: number, status: number | undefined][] = [
    [{ type: 'status', status: 503, retryAfter: 1 }, 0, 503],
    [{ type: 'status', status: 200 }, 3, 200],
    [{ type: 'reset' }, 3, undefined],
    [{ type: 'reset', when: 'before' }, 0, undefined],
    [{ type: 'drip', intervalMs: 1, bytes: 50 }, 3, 200],
    [{ type: 'oversized', size: 1000 }, 3, 200],
    [{ type: 'junk', what: 'nothing' }, 3, undefined],
    [{ type: 'junk', what: 'body' }, 3, 200],
    [
      { type: 'choose', choose: ({ logRecords }) => ({ type: 'status', status: logRecords.length + 500 }) },
      0,
      503,
    ],
  ]
  for (const [fault, accepted, status] of faults)
    it(`plays ${JSON.stringify(fault)} on them`, async () => {
      backend.fault(fault)
      const answered = await post(backend.logsUrl, bodyOf(3)).then(
        (answer) => answer.status,
        () => undefined,
      )
      await backend.waitForRequests(1)
      assert.deepEqual([answered, backend.logRecordCount], [status, accepted])
    })
})
