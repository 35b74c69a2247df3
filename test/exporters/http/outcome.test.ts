// What became of a batch follows from the attempt alone, by the rules of OTLP/HTTP; nothing secret is in a cause.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Attempt, openHttpClient, outcomeOf, parseRetryAfter } from '../../../src/exporters/http/http.ts'

const now = Date.UTC(2026, 4, 17, 12, 0, 0)

const response = (status: number, more: Partial<Extract<Attempt, { type: 'response' }>> = {}): Attempt => ({
  type: 'response',
  status,
  headers: {},
  body: new Uint8Array(),
  from: 'http://collector:4318/v1/traces',
  ...more,
})

const causeOf = (
  attempt: Attempt,
  redact?: (text: string) => string,
): Error & { code: string; status: number } => {
  const outcome = outcomeOf(attempt, { now, ...(redact && { redact }) })
  assert('cause' in outcome)
  return outcome.cause as Error & { code: string; status: number }
}

describe('the outcome of an attempt', () => {
  it('is a retry for 429, 502, 503 and 504 only', () => {
    for (let status = 100; status < 1000; status++) {
      const retried = outcomeOf(response(status)).type === 'retry'
      assert.equal(retried, [429, 502, 503, 504].includes(status), `status ${status}`)
    }
  })

  it('is ambiguous when a gateway cannot know', () => {
    const ambiguous = (status: number) => (outcomeOf(response(status)) as { ambiguous?: boolean }).ambiguous
    assert.deepEqual([429, 502, 503, 504].map(ambiguous), [undefined, true, undefined, true])
  })

  it('is delivered for 2xx, misdirected for 401, 403 and 404, too large for 413', () => {
    const types = [200, 202, 204, 401, 403, 404, 413].map((status) => outcomeOf(response(status)).type)
    const wrong = 'misdirected'
    assert.deepEqual(types, ['delivered', 'delivered', 'delivered', wrong, wrong, wrong, 'too_large'])
  })

  it('is refused for everything else, and tells an ailing backend from a living one', () => {
    const unhealthy = (status: number) => {
      const outcome = outcomeOf(response(status))
      return outcome.type === 'refused' && outcome.unhealthy === true
    }
    assert.deepEqual([301, 307, 400, 405, 408, 415, 422, 500, 501, 505].map(unhealthy), [
      ...Array(7).fill(false),
      ...Array(3).fill(true),
    ])
  })

  it('does not follow a redirect and tells no more of its target than the origin', () => {
    const { message } = causeOf(response(307, { headers: { location: 'https://other:1/path?token=t0ken' } }))
    assert.match(message, /https:\/\/other:1; redirects are not followed/)
    assert.doesNotMatch(message, /t0ken|\/path/)
    for (const location of ['::', 'javascript:alert(1)', '/login?t0ken', undefined])
      assert.doesNotMatch(causeOf(response(302, { headers: { location } })).message, /t0ken|alert/)
  })

  it('counts the rejected items of a partial success', () => {
    const body = new Uint8Array([1])
    assert.deepEqual(outcomeOf(response(200, { body }), { partialSuccess: () => 3 }), {
      type: 'delivered',
      rejected: 3,
    })
  })

  it('stays delivered when the partial success says nonsense or cannot be read', () => {
    const body = new Uint8Array([1])
    const thrower = () => {
      throw new Error('broken')
    }
    for (const partialSuccess of [thrower, () => -1, () => Number.NaN, () => 0, () => undefined, () => 1.5])
      assert.deepEqual(outcomeOf(response(200, { body }), { partialSuccess }), { type: 'delivered' })
    for (const cut of ['oversized', 'stopped', 'broken'] as const)
      assert.deepEqual(outcomeOf(response(200, { body, cut }), { partialSuccess: () => 3 }), {
        type: 'delivered',
      })
  })

  it('can follow the rules of another backend', () => {
    const rules = {
      now,
      classify: (status: number) => (status === 408 ? 'retry' : 'refused') as 'retry' | 'refused',
      afterSeconds: (headers: NodeJS.Dict<string | string[]>) => Number(headers['x-ratelimit-reset']),
    }
    const outcome = outcomeOf(response(408, { headers: { 'x-ratelimit-reset': '7' } }), rules)
    assert(outcome.type === 'retry')
    assert.equal(outcome.afterSeconds, 7)
  })

  it('quotes at most 300 printable characters of a response', () => {
    const body = Buffer.from(`\n\x08\x01\x12\x05 no\x1b[31m  such\ttenant \u202e${'😀'.repeat(9000)}`)
    const { message, code, status } = causeOf(response(400, { body }))
    assert.match(message, /^http:\/\/collector:4318\/v1\/traces answered HTTP 400: no \[31m such tenant 😀/)
    assert(message.length < 360)
    assert.doesNotMatch(message, /\p{C}/u)
    assert.deepEqual([code, status], ['HTTP_STATUS', 400])
  })

  it('hides the credentials of the client that a backend echoes', () => {
    const headers = {
      authorization: 'Bearer s3cret-token',
      'x-api-key': 'k3y-k3y',
      'content-type': 'application/x',
    }
    const { redact } = openHttpClient({ url: 'http://h/?token=qu3ry-value', headers })
    const body = Buffer.from(
      `s3cret-token k3y-k3y qu3ry-value application/x ${'.'.repeat(200)} Bearer s3cret-token`,
    )
    const { message } = causeOf(response(401, { body }), redact)
    assert.doesNotMatch(message, /s3cret|k3y|qu3ry/)
    assert.match(message, /application\/x/)
    // Also where the cut at 300 characters would halve it.
    for (let before = 270; before < 305; before++) {
      const halved = causeOf(
        response(401, { body: Buffer.from(`${'.'.repeat(before)}s3cret-token`) }),
        redact,
      )
      assert.doesNotMatch(halved.message, /s3c/)
    }
  })
})

describe('Retry-After', () => {
  const cases: [string | undefined, number | undefined][] = [
    ['1', 1],
    [' 17 ', 17],
    ['300', 300],
    ['301', 300],
    ['99999999999999999999999', 300],
    ['0', undefined],
    ['000', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['1.5', undefined],
    ['1e2', undefined],
    ['0x10', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
    ['Sun, 17 May 2026 12:00:30 GMT', 30],
    ['Sunday, 17-May-26 12:00:30 GMT', 30],
    ['Sun May 17 12:00:30 2026', 30],
    ['Sat May  2 12:00:30 2026', undefined],
    ['Tue Jun  2 12:00:30 2026', 300],
    ['Sun, 17 May 2026 12:00:00 GMT', undefined],
    ['Sun, 17 May 2026 11:59:59 GMT', undefined],
    ['Sun, 17 May 2099 12:00:00 GMT', 300],
    ['Thursday, 01-Jan-99 00:00:00 GMT', undefined],
    ['Sun, 17 May 2026 12:00:30', undefined],
    ['Sun, 17 May 2026 25:00:30 GMT', undefined],
    ['Sun, 32 May 2026 12:00:30 GMT', undefined],
    ['Sun, 17 Foo 2026 12:00:30 GMT', undefined],
    ['2026-05-17T12:00:30Z', undefined],
    ['2030', 300],
  ]
  for (const [value, seconds] of cases)
    it(`${JSON.stringify(value)} means ${seconds === undefined ? 'our own backoff' : `${seconds} s`}`, () => {
      assert.equal(parseRetryAfter(value, now), seconds)
    })

  it('is between 0 and 300 or none, whatever it says', () => {
    fc.assert(
      fc.property(fc.string(), fc.double(), (text, at) => {
        const seconds = parseRetryAfter(text, at)
        assert(seconds === undefined || (seconds > 0 && seconds <= 300))
      }),
    )
  })

  it('reaches the outcome of 429 and 503', () => {
    for (const status of [429, 503]) {
      const outcome = outcomeOf(response(status, { headers: { 'retry-after': '5' } }), { now })
      assert(outcome.type === 'retry')
      assert.equal(outcome.afterSeconds, 5)
    }
  })
})
