// The program of docs/opentelemetry.md, loaded with --import beside an SDK of OpenTelemetry (a stand-in for NodeSDK that is
// made of the SDK's own provider and processor), sends the spans of both with one service name when it is told to end.
import assert from 'node:assert/strict'
import { createPlace, type Place } from './place.ts'

describe('the program beside an OpenTelemetry SDK', () => {
  let place: Place
  afterEach(() => place.close())

  it('sends the spans of both on SIGTERM, the SDK first', async () => {
    place = await createPlace('docs/opentelemetry.md', {
      packages: ['@opentelemetry/sdk-trace', '@opentelemetry/core'],
      standIns: { '@opentelemetry/sdk-node': 'sdk-node' },
    })
    place.write(
      'server.mjs',
      `import { trace } from '@opentelemetry/api'
       import { telemetry } from './instrumentation.mjs'
       trace.getTracer('app').startSpan('of the SDK').end()
       telemetry.span('of telemachine', () => {})
       const alive = setInterval(() => {}, 1_000)
       process.once('SIGTERM', () => clearInterval(alive))
       console.log('ready')`,
    )
    const { child, ended, stderr } = place.run('server.mjs', {
      NODE_OPTIONS: '--import ./instrumentation.mjs',
    })
    child.stdout!.once('data', () => child.kill('SIGTERM'))
    assert.equal(await ended, 0, stderr())
    assert.equal(stderr(), '')
    const sent = place.backend.spans.map(({ name, resource }) => [name, resource?.attributes['service.name']])
    assert.deepEqual(sent.toSorted(), [
      ['of telemachine', 'shop'],
      ['of the SDK', 'shop'],
    ])
  })
})
