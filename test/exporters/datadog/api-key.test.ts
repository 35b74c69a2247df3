// An API key that a function gives: a rotation loses nothing, and the key is neither shown nor sent to a destination that
// an untrusted source named.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { createTelemetry, type DatadogOptions, datadog } from '../../../src/index.ts'
import { pause } from '../../support/poll.ts'
import { quietLogger } from '../../support/quiet-logger.ts'

describe('an API key that is obtained at runtime', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const api = async (valid: string) => {
    const state = { valid, refused: 0, taken: 0, keys: new Set<string>() }
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        const key = String(request.headers['dd-api-key'])
        state.keys.add(key)
        const right = key === state.valid
        state[right ? 'taken' : 'refused']++
        response.writeHead(right ? 202 : 403).end(`{"errors":[${right ? '' : JSON.stringify(`bad ${key}`)}]}`)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  const run = async (apiKey: NonNullable<DatadogOptions['apiKey']>, url: string) => {
    const telemetry = createTelemetry({
      types: [datadog({ apiKey })],
      config: { env: {}, init: { datadog: { api_url: url } } },
      logger: quietLogger,
      drainOnExit: false,
    })
    closing.push(() => telemetry.stop({ timeoutMs: 300 }))
    await telemetry.start()
    return telemetry
  }

  it('needs no api_key, and is asked for once more after a 403', async () => {
    const { state, url } = await api('c4nary-1')
    const reasons: string[] = []
    const telemetry = await run(({ reason }) => {
      reasons.push(reason)
      return { apiKey: state.valid, expiresInMs: 3_600_000 }
    }, url)
    for (const key of ['c4nary-1', 'c4nary-2', 'c4nary-3']) {
      state.valid = key
      telemetry.emit('job.done', { count: 1 })
      assert((await telemetry.flush()).complete)
    }
    const { ledger } = telemetry.status().exporters.datadog!
    assert.deepEqual([ledger.delivered, ledger.dropped], [3, {}])
    assert.deepEqual([state.taken, state.refused, reasons], [3, 2, ['start', 'refused', 'refused']])
  })

  it('is misdirected when the function has no other, and is seen nowhere', async () => {
    const { url } = await api('another')
    const telemetry = await run(() => 'c4nary-wrong', url)
    telemetry.emit('job.done', { count: 1 })
    await telemetry.flush({ timeoutMs: 300 })
    while (telemetry.status().exporters.datadog!.breaker === 'closed') await pause()
    const shown = inspect(telemetry.status({ history: true }), { depth: 20, maxStringLength: null })
    assert.deepEqual(telemetry.status().exporters.datadog!.ledger.dropped, { misdirected: 1 })
    assert(!shown.includes('c4nary'))
  })

  it('never goes to a destination that an untrusted source named', async () => {
    const [own, foreign] = [await api('own'), await api('brought')]
    const telemetry = await run(() => 'own', own.url)
    const change = { 'datadog.api_url': foreign.url }
    await assert.rejects(telemetry.config.putFrom('admin', change), /apiKey of datadog\(\) is not used/)
    await telemetry.config.putFrom('admin', { ...change, 'datadog.api_key': 'brought' })
    telemetry.emit('job.done', { count: 1 })
    assert((await telemetry.flush()).complete)
    assert.deepEqual([...foreign.state.keys], ['brought'])
  })
})
