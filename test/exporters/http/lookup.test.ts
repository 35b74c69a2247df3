// However many exporters try however often, names are resolved once at a time and few at once: the host's own lookups
// share Node's four threads with ours.

import assert from 'node:assert/strict'
import dns, { type LookupAddress } from 'node:dns'
import { openHttpClient } from '../../../src/exporters/http/http.ts'
import { createLookup } from '../../../src/exporters/http/lookup.ts'

type Answer = (error: NodeJS.ErrnoException | null, addresses?: readonly LookupAddress[]) => void

describe('the lookup of names', () => {
  /** A resolver that answers when the test says so. */
  const setUp = () => {
    const time = { now: 0 }
    const asked: string[] = []
    const open = new Map<string, Answer[]>()
    const lookup = createLookup(
      (hostname, _options, found) => {
        asked.push(hostname)
        open.set(hostname, [...(open.get(hostname) ?? []), found])
      },
      () => time.now,
    )
    const heard: string[] = []
    const ask = (hostname: string, all = true): void =>
      lookup(hostname, { all }, (error, found) => {
        const addresses = Array.isArray(found) ? found.map(({ address }) => address).join('+') : found
        heard.push(`${hostname} ${error ? error.code : addresses}`)
      })
    const answer = (hostname: string, ...addresses: string[]): void => {
      const [first, ...rest] = open.get(hostname)!
      open.set(hostname, rest)
      const code = Object.assign(new Error('unknown'), { code: 'ENOTFOUND' })
      const found = addresses.map((address) => ({ address, family: 4 }))
      if (addresses.length > 0) first!(null, found)
      else first!(code)
    }
    return { time, asked, heard, ask, answer }
  }

  it('answers all requests made meanwhile with one lookup, and looks up again afterwards', () => {
    const { asked, heard, ask, answer } = setUp()
    ask('a')
    ask('a')
    ask('a', false)
    answer('a', '10.0.0.1', '10.0.0.2')
    assert.deepEqual(heard, ['a 10.0.0.1+10.0.0.2', 'a 10.0.0.1+10.0.0.2', 'a 10.0.0.1'])
    ask('a')
    answer('a')
    assert.equal(heard.at(-1), 'a ENOTFOUND')
    assert.deepEqual(asked, ['a', 'a'])
  })

  it('has two names under way at once, and the others in their order', () => {
    const { asked, heard, ask, answer } = setUp()
    for (const name of ['a', 'b', 'c', 'd', 'c']) ask(name)
    assert.deepEqual(asked, ['a', 'b'])
    answer('b', '10.0.0.2')
    assert.deepEqual(asked, ['a', 'b', 'c'])
    answer('a', '10.0.0.1')
    answer('c', '10.0.0.3')
    answer('d', '10.0.0.4')
    assert.deepEqual(heard, ['b 10.0.0.2', 'a 10.0.0.1', 'c 10.0.0.3', 'c 10.0.0.3', 'd 10.0.0.4'])
  })

  it('leaves a place to others where several names have been slow', () => {
    const { time, asked, ask, answer } = setUp()
    ask('slow')
    ask('slower')
    time.now += 5_000
    answer('slow')
    answer('slower')
    ask('slow')
    ask('slower')
    ask('quick')
    assert.deepEqual(asked, ['slow', 'slower', 'slow', 'quick'])
    answer('quick', '10.0.0.1')
    answer('slow', '10.0.0.2')
    assert.equal(asked.at(-1), 'slower')
    answer('slower', '10.0.0.3')
    ask('slow')
    ask('slower')
    assert.deepEqual(asked.slice(-2), ['slow', 'slower'], 'forgotten once they are quick')
  })

  it('is not held up for ever by a resolver that never answers', () => {
    const { time, asked, heard, ask, answer } = setUp()
    for (const name of ['a', 'b', 'c']) ask(name)
    time.now += 59_999
    ask('a')
    assert.deepEqual(asked, ['a', 'b'])
    time.now += 1
    ask('a')
    assert.deepEqual(asked, ['a', 'b', 'c', 'a'])
    answer('c', '10.0.0.3')
    assert.deepEqual(heard, ['c 10.0.0.3'])
  })

  it('takes a resolver that throws for one that fails', () => {
    const lookup = createLookup(
      () => {
        throw Object.assign(new Error('invalid'), { code: 'ERR_INVALID_ARG_VALUE' })
      },
      () => 0,
    )
    const heard: unknown[] = []
    for (let time = 0; time < 3; time += 1) lookup('a', { all: true }, (error) => heard.push(error?.code))
    assert.deepEqual(heard, Array(3).fill('ERR_INVALID_ARG_VALUE'))
  })

  it('is shared by all clients: hundreds that try three times leave two lookups under way', async () => {
    const original = dns.lookup
    const asked: string[] = []
    const unanswered: Answer[] = []
    const lookup = (name: string, _options: unknown, found: Answer): void => {
      asked.push(name)
      unanswered.push(found)
    }
    dns.lookup = lookup as never
    const clients = Array.from({ length: 300 }, (_, i) =>
      openHttpClient({ url: `http://collector-${i % 10}.test/v1/traces` }),
    )
    try {
      for (let round = 0; round < 3; round += 1) {
        const aborted = clients.map((client) => {
          const controller = new AbortController()
          setImmediate(() => controller.abort())
          return client.post(Buffer.from('x'), { signal: controller.signal })
        })
        for (const attempt of await Promise.all(aborted)) assert.equal(attempt.type, 'failed')
      }
      assert.deepEqual(asked, ['collector-0.test', 'collector-1.test'])
    } finally {
      while (unanswered.length > 0) unanswered.shift()!(new Error('no answer'))
      dns.lookup = original
      await Promise.all(clients.map((client) => client.close()))
    }
    assert.equal(asked.length, 10)
  })
})
