// The test backend takes metrics as it takes spans: it decodes strictly, counts, and fails as it is told to.
import assert from 'node:assert/strict'
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { type Backend, createBackend, metricTotals, type RequestFault } from '../../src/testing/index.ts'
import { createSdk } from '../exporters/otel-metrics/sdk.ts'
import { post } from './post.ts'

/** What the SDK provides of a counter with so many sets of attributes. */
async function provided(points: number) {
  const sdk = createSdk({ temporality: 'cumulative', histogram: 'explicit', buckets: [1] })
  for (let shard = 0; shard < points; shard++)
    sdk.record({ kind: 'sum', value: shard + 1, attributes: { shard } })
  const all = await sdk.provided()
  await sdk.shutdown()
  return all
}

const protobufOf = async (points: number) =>
  ProtobufMetricsSerializer.serializeRequest(await provided(points))!
const jsonOf = async (points: number) =>
  Buffer.from(JsonMetricsSerializer.serializeRequest(await provided(points))!).toString()

describe('the test backend, sent metrics', () => {
  let backend: Backend
  beforeEach(async () => {
    backend = createBackend()
    await backend.listen()
  })
  afterEach(() => backend.close())

  it('takes protobuf and JSON, and keeps data points apart from spans', async () => {
    assert.equal((await post(backend.metricsUrl, await protobufOf(2))).status, 200)
    assert.equal(await (await post(backend.metricsUrl, await jsonOf(2), 'application/json')).text(), '{}')
    assert.deepEqual([backend.pointCount, backend.spanCount, backend.received], [4, 0, 4])
    const [point, , again] = backend.points
    assert.deepEqual([point?.metric, point?.unit, point?.kind], ['sum', 'By', 'sum'])
    assert.deepEqual(again?.point.attributes, point?.point.attributes)
    assert.equal(point?.resource?.attributes['service.name'], 'shop')
    assert.deepEqual(
      [...metricTotals(backend.points.slice(0, 2), 'sum')].map(([key, { sum }]) => [key, sum]),
      [
        ['{"shard":0}', 1],
        ['{"shard":1}', 2],
      ],
    )
    backend.forget()
    assert.deepEqual([backend.pointCount, backend.points.length], [0, 0])
  })

  it('refuses what is malformed, and what is sent to the path of another signal', async () => {
    assert.equal((await post(backend.metricsUrl, (await protobufOf(1)).subarray(0, -1))).status, 400)
    const misdirected = await post(backend.logsUrl, await protobufOf(1))
    assert.equal(misdirected.status, 400)
    assert.deepEqual([backend.malformed, backend.pointCount], [2, 0])
  })

  it('answers a partial success with the data points it refuses, in protobuf and JSON', async () => {
    backend.fault({ type: 'partial', rejected: 2, message: 'too old' })
    const protobuf = await post(backend.metricsUrl, await protobufOf(5))
    const said = ProtobufMetricsSerializer.deserializeResponse(new Uint8Array(await protobuf.arrayBuffer()))
    assert.equal(Number(said.partialSuccess?.rejectedDataPoints), 2)
    const json = (await (
      await post(backend.metricsUrl, await jsonOf(5), 'application/json')
    ).json()) as object
    assert.deepEqual(json, { partialSuccess: { rejectedDataPoints: '2', errorMessage: 'too old' } })
    assert.deepEqual([backend.pointCount, backend.rejected], [6, 4])
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
    [{ type: 'choose', choose: ({ points }) => ({ type: 'status', status: points.length + 500 }) }, 0, 503],
  ]
  for (const [fault, accepted, status] of faults)
    it(`plays ${JSON.stringify(fault)} on them`, async () => {
      backend.fault(fault)
      const answered = await post(backend.metricsUrl, await protobufOf(3)).then(
        (answer) => answer.status,
        () => undefined,
      )
      await backend.waitForRequests(1)
      assert.deepEqual([answered, backend.pointCount], [status, accepted])
    })
})
