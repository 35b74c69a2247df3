// A function that obtains headers is called when it is due, once at a time, and what it gives is used until then.

import assert from 'node:assert/strict'
import { SimulatedClock } from 'xstate'
import {
  functionCredentials,
  type HeadersFunction,
  type HeadersMemory,
} from '../../../src/exporters/http/headers-function.ts'

const signal = new AbortController().signal
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('credentials from a function', () => {
  const make = (answer: (call: number) => ReturnType<HeadersFunction>, origin = 'http://a.example') => {
    const clock = new SimulatedClock()
    const memory: HeadersMemory = {}
    const reasons: string[] = []
    const open = (to = origin) =>
      functionCredentials({
        obtain: ({ reason }) => answer(reasons.push(reason)),
        what: 'the function',
        origin: to,
        memory,
        clock: clock as never,
        timeoutMs: 1000,
      })
    return { clock, reasons, open, credentials: open() }
  }
  const token = (call: number): Record<string, string> => ({ authorization: `Bearer ${call}` })

  it('are asked for once by all who need them at the same time', async () => {
    const { credentials, reasons } = make(async (call) => token(call))
    const got = await Promise.all([1, 2, 3].map(() => credentials.get(signal)))
    assert.deepEqual(got, [token(1), token(1), token(1)])
    const renewed = await Promise.all(got.map((used) => credentials.renew(used, signal)))
    assert.deepEqual(renewed, [token(2), token(2), token(2)])
    assert.deepEqual(reasons, ['start', 'refused'])
  })

  it('are not used any more from when they were refused', async () => {
    const { credentials } = make(async (call) => token(call))
    const used = await credentials.get(signal)
    const renewed = credentials.renew(used, signal)
    assert.deepEqual(await credentials.get(signal), token(2))
    assert.deepEqual(await renewed, token(2))
  })

  it('are renewed in the last fifth of their life, while the present ones are used', async () => {
    const { credentials, reasons, clock } = make(async (call) => ({
      headers: token(call),
      expiresInMs: 100_000,
    }))
    assert.deepEqual(await credentials.get(signal), token(1))
    clock.increment(79_999)
    await credentials.get(signal)
    assert.deepEqual(reasons, ['start'])
    clock.increment(1)
    assert.deepEqual(await credentials.get(signal), token(1))
    await turn()
    assert.deepEqual(await credentials.get(signal), token(2))
    assert.deepEqual(reasons, ['start', 'expiring'])
  })

  it('are asked for once more after a refusal where an early renewal gives the refused ones again', async () => {
    for (const refusedBefore of [true, false]) {
      const { credentials, reasons, clock } = make(async (call) => ({
        headers: token(call === 2 ? 1 : call),
        expiresInMs: 100_000,
      }))
      const used = await credentials.get(signal)
      clock.increment(80_000)
      await credentials.get(signal)
      if (!refusedBefore) await turn()
      assert.deepEqual(await credentials.renew(used, signal), token(3))
      assert.deepEqual(reasons, ['start', 'expiring', 'refused'])
    }
  })

  it('are waited for once they have expired', async () => {
    const { credentials, clock } = make(async (call) => ({ headers: token(call), expiresInMs: 10 }))
    await credentials.get(signal)
    clock.increment(10)
    assert.deepEqual(await credentials.get(signal), token(2))
  })

  it('stay in use when an early renewal fails, which is tried again at half of what is left', async () => {
    const { credentials, reasons, clock } = make(async (call) => {
      if (call === 2) throw new Error('sealed')
      return { headers: token(call), expiresInMs: 100_000 }
    })
    await credentials.get(signal)
    clock.increment(80_000)
    await credentials.get(signal)
    await turn()
    assert.deepEqual(await credentials.get(signal), token(1))
    assert.equal(reasons.length, 2)
    clock.increment(10_000)
    await credentials.get(signal)
    await turn()
    assert.deepEqual(await credentials.get(signal), token(3))
  })

  it('fail at their deadline when the function hangs, and are obtained again for the next', async () => {
    const { credentials, clock } = make((call) => (call === 1 ? new Promise(() => {}) : token(call)))
    const first = assert.rejects(credentials.get(signal), {
      code: 'CREDENTIALS_FAILED',
      message: 'the function did not answer within 1 s',
    })
    clock.increment(1000)
    await first
    assert.deepEqual(await credentials.get(signal), token(2))
  })

  it('fail when the attempt ends before the function answers', async () => {
    const { credentials } = make(() => new Promise(() => {}))
    const attempt = new AbortController()
    const failed = assert.rejects(credentials.get(attempt.signal), { code: 'CREDENTIALS_FAILED' })
    attempt.abort()
    await failed
  })

  it('outlive a client, but not its destination', async () => {
    const { credentials, open, reasons } = make(async (call) => token(call))
    await credentials.get(signal)
    assert.deepEqual(await open().get(signal), token(1))
    assert.deepEqual(await open('http://b.example').get(signal), token(2))
    assert.deepEqual(await credentials.get(signal), token(1))
    assert.deepEqual(reasons, ['start', 'moved'])
  })

  it('are hidden in texts, the former ones too', async () => {
    const { credentials } = make(async (call) => ({ authorization: `Bearer secret-${call}` }))
    const used = await credentials.get(signal)
    await credentials.renew(used, signal)
    assert.equal(credentials.redact('a secret-1 and secret-2'), 'a [redacted] and [redacted]')
  })
})
