// W3C Trace Context Level 2, case by case as the W3C's own harness for services has them: what comes in with a request
// is in the headers that go out, and in the span that is exported, alike.
import assert from 'node:assert/strict'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTelemetry, type Telemetry } from '../../src/index.ts'
import { type Backend, createBackend } from '../../src/testing/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

const traceId = '12345678901234567890123456789012'
const parentId = '1234567890123456'
const valid = `00-${traceId}-${parentId}-01`

type Headers = readonly (readonly [name: string, value: string])[]

/** What left the service for a request: in the headers of its own request, and in its span. */
interface Left {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
  /** By key. */
  readonly state: ReadonlyMap<string, string>
}

describe('W3C Trace Context', () => {
  let backend: Backend
  let telemetry: Telemetry
  let service: Server
  let requests = 0

  before(async () => {
    backend = createBackend()
    await backend.listen()
    telemetry = createTelemetry({
      logger: quietLogger,
      drainOnExit: false,
      config: { env: {}, init: { otel: { endpoint: backend.url, flush_interval: 0.001 } } },
    })
    await telemetry.start()
    service = createServer(({ url, headers }, response) => {
      const { traceparent, tracestate } = headers
      telemetry.span(url!.slice(1), { traceparent, tracestate }, (span) =>
        response.end(JSON.stringify(span.headers())),
      )
    })
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    await telemetry.stop()
    service.close()
    service.closeAllConnections()
    await backend.close()
  })

  /** Sends the headers as they are, in their order and with their repetitions. */
  const answerTo = (name: string, headers: Headers): Promise<Record<string, string>> =>
    new Promise((resolve, reject) => {
      const { port } = service.address() as AddressInfo
      // An array of names and values is sent as it is.
      const raw = ['host', `127.0.0.1:${port}`, ...headers.flat()]
      const sent = request({ port, path: `/${name}`, host: '127.0.0.1', headers: raw }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () => resolve(JSON.parse(body) as Record<string, string>))
      })
      sent.on('error', reject)
      sent.end()
    })

  const stateOf = (text: string): Map<string, string> =>
    new Map(
      text
        .split(',')
        .filter(Boolean)
        .map((member) => [member.slice(0, member.indexOf('=')), member.slice(member.indexOf('=') + 1)]),
    )

  /** What left, which is the same in both ways. */
  async function leftOf(headers: Headers): Promise<Left> {
    const name = `request-${++requests}`
    const { traceparent, tracestate = '' } = await answerTo(name, headers)
    const [, trace, span, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent!)!
    await telemetry.flush()
    const exported = backend.spans.find((each) => each.name === name)!
    assert.deepEqual(
      [exported.traceId, exported.spanId, exported.traceState, exported.flags & 0xff],
      [trace, span, tracestate, Number.parseInt(flags!, 16)],
      'headers and export differ',
    )
    assert.equal(exported.parentSpanId, trace === traceId ? parentId : '')
    return { traceId: trace!, spanId: span!, flags: Number.parseInt(flags!, 16), state: stateOf(tracestate) }
  }

  const inherits = async (...headers: Headers): Promise<Left> => {
    const left = await leftOf(headers)
    assert.equal(left.traceId, traceId)
    assert.notEqual(left.spanId, parentId)
    return left
  }
  const begins = async (...headers: Headers): Promise<Left> => {
    const left = await leftOf(headers)
    assert.notEqual(left.traceId, traceId)
    assert.doesNotMatch(left.traceId, /^0+$/)
    return left
  }
  const withParent = (traceparent: string): Headers[number] => ['traceparent', traceparent]
  const withState = (...states: string[]): Headers => [
    ['traceparent', valid],
    ...states.map((state) => ['tracestate', state] as const),
  ]

  describe('traceparent', () => {
    it('begins a trace without one', () => begins())
    it('is inherited without a tracestate', async () => {
      assert.equal((await inherits(withParent(valid))).state.size, 0)
    })
    it('that comes twice is invalid', () =>
      begins(withParent(`00-${traceId}-${parentId}-01`), withParent(`00-${traceId}-1234567890123457-01`)))
    for (const name of ['trace-parent', 'trace.parent'])
      it(`is not called ${name}`, () => begins([name, valid]))
    for (const name of ['TraceParent', 'TrAcEpArEnT', 'TRACEPARENT'])
      it(`may be spelt ${name}`, () => inherits([name, valid]))
    for (const end of ['.', '-what-the-future-will-be-like'])
      it(`of version 00 may not end with ${end}`, () => begins(withParent(`${valid}${end}`)))
    for (const end of ['', '-what-the-future-will-be-like'])
      it(`of a later version may end with "${end}"`, () => inherits(withParent(`cc${valid.slice(2)}${end}`)))
    it('of a later version has a dash behind its flags', () =>
      begins(withParent(`cc${valid.slice(2)}.what-the-future-will-be-like`)))
    for (const [what, version] of [
      ['ff', ['ff']],
      ['with illegal characters', ['.0', '0.']],
      ['too long', ['000', '0000']],
      ['too short', ['0']],
    ] as const)
      it(`is invalid with a version that is ${what}`, async () => {
        for (const each of version) await begins(withParent(`${each}-${traceId}-${parentId}-01`))
      })
    for (const [what, ids] of [
      ['all zero', ['0'.repeat(32)]],
      ['with illegal characters', [`.${traceId.slice(1)}`, `${traceId.slice(0, -1)}.`]],
      ['too long', [`${traceId}3`]],
      ['too short', [traceId.slice(0, -1)]],
    ] as const)
      it(`is invalid with a trace id that is ${what}`, async () => {
        for (const id of ids) await begins(withParent(`00-${id}-${parentId}-01`))
      })
    for (const [what, ids] of [
      ['all zero', ['0'.repeat(16)]],
      ['with illegal characters', [`.${parentId.slice(1)}`, `${parentId.slice(0, -1)}.`]],
      ['too long', [`${parentId}7`]],
      ['too short', [parentId.slice(0, -1)]],
    ] as const)
      it(`is invalid with a parent id that is ${what}`, async () => {
        for (const id of ids) await begins(withParent(`00-${traceId}-${id}-01`))
      })
    for (const [what, flags] of [
      ['with illegal characters', ['.0', '0.']],
      ['too long', ['001']],
      ['too short', ['1']],
    ] as const)
      it(`is invalid with flags that are ${what}`, async () => {
        for (const each of flags) await begins(withParent(`00-${traceId}-${parentId}-${each}`))
      })
    for (const [before, after] of [
      [' ', ''],
      ['\t', ''],
      ['', ' '],
      ['', '\t'],
      ['\t ', ' \t'],
    ] as const)
      it(`may have ${JSON.stringify(before)} before it and ${JSON.stringify(after)} after it`, () =>
        inherits(withParent(`${before}${valid}${after}`)))

    it('is inherited with its flags, sampled and random, and with no others', async () => {
      for (const [sent, passedOn] of [
        ['01', 1],
        ['03', 3],
        ['ff', 3],
      ] as const)
        assert.equal((await inherits(withParent(`00-${traceId}-${parentId}-${sent}`))).flags, passedOn)
    })
  })

  describe('tracestate', () => {
    it('without a traceparent says nothing', async () => {
      assert.equal((await begins(['tracestate', 'foo=1'])).state.size, 0)
      assert.equal((await begins(['tracestate', 'foo=1'], ['tracestate', 'bar=2'])).state.size, 0)
    })
    it('is inherited with its traceparent', async () => {
      assert.deepEqual(
        [...(await inherits(...withState('foo=1,bar=2'))).state],
        [
          ['foo', '1'],
          ['bar', '2'],
        ],
      )
    })
    for (const name of ['trace-state', 'trace.state'])
      it(`is not called ${name}`, async () => {
        assert.equal((await inherits(withParent(valid), [name, 'foo=1'])).state.size, 0)
      })
    for (const name of ['TraceState', 'TrAcEsTaTe', 'TRACESTATE'])
      it(`may be spelt ${name}`, async () => {
        assert.equal((await inherits(withParent(valid), [name, 'foo=1'])).state.get('foo'), '1')
      })
    it('may be empty, alone and beside another one', async () => {
      assert.equal((await inherits(...withState(''))).state.size, 0)
      for (const states of [
        ['foo=1', ''],
        ['', 'foo=1'],
      ])
        assert.equal((await inherits(...withState(...states))).state.get('foo'), '1')
    })
    it('may come in several headers, which are one list', async () => {
      const { state } = await inherits(...withState('foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'))
      assert.deepEqual([...state.keys()], ['foo', 'bar', 'rojo', 'congo', 'baz'])
    })
    it('with a key that is repeated is inherited with one of its members', async () => {
      for (const states of [['foo=1,foo=1'], ['foo=1,foo=2'], ['foo=1', 'foo=2']])
        assert.deepEqual([...(await inherits(...withState(...states))).state], [['foo', '1']])
    })
    it('may hold all characters that are allowed', async () => {
      const key = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/'
      const value = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i))
        .filter((character) => character !== ',' && character !== '=')
        .join('')
        .trim()
      for (const each of [key, `${key.slice(0, 30)}@${'a-z_9*/'}`])
        assert.equal((await inherits(...withState(`${each}=${value}`))).state.get(each), value)
    })
    it('may have spaces and tabs around its members', async () => {
      for (const state of ['foo=1 \t , \t bar=2, \t baz=3', ' foo=1,bar=2,\tbaz=3 '])
        assert.deepEqual(
          [...(await inherits(...withState(state))).state],
          [
            ['foo', '1'],
            ['bar', '2'],
            ['baz', '3'],
          ],
        )
    })
    for (const [what, states] of [
      ['a key of illegal characters', ['foo =1', 'FOO=1', 'foo.bar=1', '@foo=1']],
      ['a key without a value', ['foo', 'foo=', 'foo=,bar=3']],
      ['a value of illegal characters', ['foo=bar=baz', 'foo=\u00e9']],
      ['a key that is too long', [`${'z'.repeat(257)}=1`, `${'t'.repeat(241)}@${'v'.repeat(15)}=1`]],
      ['33 members', [Array.from({ length: 33 }, (_, i) => `bar${i}=${i}`).join(',')]],
    ] as const)
      it(`is discarded as a whole with ${what}`, async () => {
        for (const state of states)
          assert.equal((await inherits(...withState(`ok=1,${state}`))).state.size, 0)
      })
    it('may have an @ in a key, wherever it does not begin with it', async () => {
      for (const key of ['foo@', 'foo@@bar', 'foo@bar@baz', '0foo@bar', `${'t'.repeat(242)}@v`])
        assert.equal((await inherits(...withState(`${key}=1,bar=2`))).state.get(key), '1')
    })
    it('may have 32 members, and keys and values of 256 characters', async () => {
      const members = Array.from({ length: 32 }, (_, i) => `bar${i}=${i}`).join(',')
      assert.equal((await inherits(...withState(members))).state.size, 32)
      for (const member of [`${'z'.repeat(256)}=1`, `foo=${'v'.repeat(256)}`])
        assert.equal((await inherits(...withState(member))).state.size, 1)
    })
    it('of more than 512 characters is passed on', async () => {
      const state = Array.from({ length: 6 }, (_, i) => `key${i}=${'v'.repeat(94)}`).join(',')
      assert.equal(state.length, 599)
      assert.equal((await inherits(...withState(state))).state.size, 6)
    })
  })

  describe('many requests', () => {
    it('with one traceparent have spans of their own in its trace', async () => {
      const spans = [await inherits(withParent(valid)), await inherits(withParent(valid))]
      assert.notEqual(spans[0]!.spanId, spans[1]!.spanId)
    })
    it('without, or with an invalid one, have traces of their own', async () => {
      for (const headers of [[], [withParent(`00-${traceId}-${'0'.repeat(16)}-01`)]]) {
        const traces = [await begins(...headers), await begins(...headers)]
        assert.notEqual(traces[0]!.traceId, traces[1]!.traceId)
      }
    })
  })
})
