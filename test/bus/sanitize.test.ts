// What an event keeps of hostile, huge or odd arguments, and that every loss is counted by kind.
import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { ErrorSnapshot } from '../../src/bus/event.ts'
import { createSanitizer, type SanitizedKind, sanitizedKinds } from '../../src/bus/sanitize.ts'

const toObject = (fields: unknown[]): Record<string, unknown> => {
  const pairs: [string, unknown][] = []
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i] as string, fields[i + 1]])
  return Object.fromEntries(pairs)
}

const sanitize = (metadata: unknown, limit = 16_384) => {
  const sanitizer = createSanitizer(() => limit)
  const fields: unknown[] = []
  sanitizer.metadata(metadata, fields, 0)
  return { kept: toObject(fields), lost: lossesOf(sanitizer.counts), fields }
}

const measure = (measurements: unknown) => {
  const sanitizer = createSanitizer(() => 10)
  const fields: unknown[] = []
  sanitizer.measurements(measurements, fields, 0)
  return { kept: toObject(fields), lost: lossesOf(sanitizer.counts) }
}

const lossesOf = (counts: Record<SanitizedKind, number>) =>
  Object.fromEntries(sanitizedKinds.filter((kind) => counts[kind] > 0).map((kind) => [kind, counts[kind]]))

const nested = (levels: number): unknown => {
  let value: unknown = 'leaf'
  for (let i = 0; i < levels; i++) value = { in: value }
  return value
}

describe('sanitizing', () => {
  it('keeps strings, numbers of any kind, booleans and null', () => {
    const metadata = { s: 'x', e: '', n: 0, nan: Number.NaN, inf: -Infinity, t: true, none: null }
    assert.deepEqual(sanitize(metadata), {
      kept: metadata,
      lost: {},
      fields: Object.entries(metadata).flat(),
    })
  })

  it('leaves out what is undefined without counting it', () => {
    assert.deepEqual(sanitize({ a: undefined, b: 1 }).kept, { b: 1 })
    assert.deepEqual(sanitize(undefined).lost, {})
  })

  it('counts arguments that are not objects', () => {
    for (const odd of [null, 1, 'text', true, Symbol('s'), () => 1, 5n, Buffer.alloc(100)])
      assert.deepEqual(sanitize(odd), { kept: {}, lost: { not_an_object: 1 }, fields: [] })
  })

  it('neither keeps nor counts what is inherited, whatever it is', () => {
    const prototype = Object.defineProperty({ a: 1, far: 'x', fn: () => {}, prototype: 1 }, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('inherited')
      },
    })
    const source = (own: object) => Object.setPrototypeOf(own, prototype)
    assert.deepEqual(sanitize(source({ a: 2, b: true })), {
      ...{ kept: { a: 2, b: true }, lost: {} },
      fields: ['a', 2, 'b', true],
    })
    assert.deepEqual(sanitize(source({})).fields, [])
    const many = Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`k${i}`, i]))
    assert.deepEqual(sanitize(source(many)).lost, {})
  })

  it('takes own enumerable string keys only', () => {
    const source = Object.create({ inherited: 1 }, { hidden: { value: 1, enumerable: false } })
    Object.assign(source, { own: 1, [Symbol('s')]: 2 })
    assert.deepEqual(sanitize(source).kept, { own: 1 })
  })

  it('drops functions, symbols, bytes and invalid dates', () => {
    const { kept, lost } = sanitize({
      f: () => 1,
      s: Symbol('s'),
      b: new Uint8Array(3),
      d: new Date(Number.NaN),
      ok: 1,
    })
    assert.deepEqual(kept, { ok: 1 })
    assert.deepEqual(lost, { unusable: 4 })
  })

  it('writes a BigInt in decimal, unless it is enormous', () => {
    assert.deepEqual(sanitize({ id: 123n, huge: 1n << 100_000n }), {
      kept: { id: '123' },
      lost: { converted: 1, unusable: 1 },
      fields: ['id', '123'],
    })
  })

  it('writes a Date in ISO 8601, of any realm', () => {
    const at = new Date('2026-01-02T03:04:05.678Z')
    const foreign = runInNewContext('new Date(0)')
    assert.deepEqual(sanitize({ at, foreign }).kept, {
      at: '2026-01-02T03:04:05.678Z',
      foreign: '1970-01-01T00:00:00.000Z',
    })
  })

  it('keeps type, message and stack of an Error, at any depth and of any realm', () => {
    class Refused extends Error {}
    const error = new Refused('no')
    const { kept } = sanitize({
      error,
      list: [new TypeError('t')],
      foreign: runInNewContext('new RangeError("r")'),
    })
    assert.deepEqual(kept.error, new ErrorSnapshot('Refused', 'no', error.stack))
    assert.equal((kept.list as ErrorSnapshot[])[0]!.type, 'TypeError')
    assert.equal((kept.foreign as ErrorSnapshot).message, 'r')
  })

  it('survives an Error whose parts throw or are no text', () => {
    const error = new Error('x')
    Object.defineProperty(error, 'stack', { value: { not: 'text' } })
    Object.defineProperty(error, 'message', {
      get: () => {
        throw new Error('hostile')
      },
    })
    const { kept, lost } = sanitize({ error })
    assert.deepEqual(kept.error, new ErrorSnapshot('Error', '', undefined))
    assert.deepEqual(lost, { unreadable: 1 })
  })

  it('goes on after a getter that throws, and calls each getter once', () => {
    let reads = 0
    const source = {
      a: 1,
      get b() {
        reads++
        return 2
      },
      get c(): number {
        reads++
        throw new Error('hostile')
      },
      d: 4,
      get e() {
        reads++
        return 5
      },
    }
    const { kept, lost } = sanitize(source)
    assert.deepEqual(kept, { a: 1, b: 2, d: 4, e: 5 })
    assert.deepEqual(lost, { unreadable: 1 })
    assert.equal(reads, 3)
  })

  it('keeps the own keys behind one that a getter deleted, each once', () => {
    const shrinking: { [key: string]: unknown; toString?: unknown } = {
      get a() {
        delete shrinking.toString
        return 1
      },
      toString: 2,
      b: 3,
    }
    assert.deepEqual(sanitize(shrinking).kept, { a: 1, b: 3 })
    const growing: Record<string, unknown> = {
      get a() {
        growing[0] = 'first'
        return 1
      },
      get b() {
        throw new Error('b')
      },
      c: 3,
    }
    assert.deepEqual(sanitize(growing).fields.filter((field) => field === 'a').length, 1)
  })

  it('bounds what nested values hold together, also around a getter that throws', () => {
    const metadata = {
      a: Array(1024).fill(0),
      get b() {
        throw new Error('b')
      },
      c: Array(1024).fill(0),
    }
    const { kept, lost } = sanitize(metadata)
    assert.equal((kept.a as unknown[]).length + (kept.c as unknown[]).length, 1024)
    assert.deepEqual(lost, { unreadable: 1, cut_size: 1 })
  })

  it('survives proxies that throw in every trap, on top and inside', () => {
    const hostile = new Proxy(
      {},
      new Proxy(
        {},
        {
          get: () => () => {
            throw new Error('trap')
          },
        },
      ),
    )
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const bad of [hostile, proxy]) {
      assert.deepEqual(sanitize(bad), { kept: {}, lost: { unreadable: 1 }, fields: [] })
      assert.deepEqual(sanitize({ a: 1, bad, b: 2 }).kept, { a: 1, b: 2 })
      assert.deepEqual(sanitize({ list: [1, bad, 2] }).kept, { list: [1, null, 2] })
    }
  })

  it('cuts cycles and keeps what is shared', () => {
    const shared = { x: 1 }
    const source: Record<string, unknown> = { a: shared, b: shared }
    source.self = source
    const loop: Record<string, unknown> = { n: 1 }
    loop.again = [loop]
    source.loop = loop
    const { kept, lost } = sanitize(source)
    assert.deepEqual(kept, { a: shared, b: shared, loop: { n: 1, again: [null] } })
    assert.deepEqual(lost, { cycle: 2 })
  })

  it('drops the keys that reach prototypes, on top and inside', () => {
    const source = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"in":{"__proto__":{"polluted":1},"ok":1}}',
    )
    const { kept, lost } = sanitize(source)
    assert.deepEqual(kept, { in: { ok: 1 } })
    assert.deepEqual(lost, { unsafe_key: 3 })
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  })

  it('keeps eight levels of nesting and cuts the ninth', () => {
    assert.deepEqual(sanitize({ v: nested(8) }), {
      kept: { v: nested(8) },
      lost: {},
      fields: ['v', nested(8)],
    })
    const { kept, lost } = sanitize({ v: nested(9) })
    assert.ok(!JSON.stringify(kept).includes('leaf'))
    assert.deepEqual(lost, { cut_depth: 1 })
  })

  it('keeps 128 keys and counts the others', () => {
    const source = Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`k${i}`, i]))
    const { kept, lost } = sanitize(source)
    assert.equal(Object.keys(kept).length, 128)
    assert.deepEqual(lost, { cut_keys: 2 })
  })

  it('drops a key that is longer than a name may be', () => {
    assert.deepEqual(sanitize({ ['k'.repeat(1025)]: 1 }).lost, { cut_keys: 1 })
  })

  it('bounds what nested values hold together', () => {
    const { kept, lost } = sanitize({ a: new Array(10_000).fill(1), b: [1], c: 'flat' })
    assert.equal((kept.a as unknown[]).length, 1024)
    assert.deepEqual(kept.b, [])
    assert.equal(kept.c, 'flat')
    assert.deepEqual(lost, { cut_size: 2 })
    assert.equal((sanitize({ sparse: new Array(4e9) }).kept.sparse as unknown[]).length, 1024)
  })

  it('cuts long text, never inside a character', () => {
    assert.deepEqual(sanitize({ a: 'abc😀d', in: ['abc😀d'] }, 4), {
      kept: { a: 'abc', in: ['abc'] },
      lost: { cut_text: 2 },
      fields: ['a', 'abc', 'in', ['abc']],
    })
    assert.equal(sanitize({ a: 'abc😀d' }, 5).kept.a, 'abc😀')
    assert.equal(sanitize({ a: '\ud83dxyz' }, 2).kept.a, '\ud83dx')
    assert.equal(sanitize({ a: 'x' }, 0).kept.a, '')
  })

  it('never cuts a correlation id', () => {
    const id = 'i'.repeat(50)
    assert.deepEqual(sanitize({ correlation_id: id, request_id: id, other: id }, 10), {
      kept: { correlation_id: id, request_id: id, other: 'i'.repeat(10) },
      lost: { cut_text: 1 },
      fields: ['correlation_id', id, 'request_id', id, 'other', 'i'.repeat(10)],
    })
  })

  it('keeps odd measurements for the exporters to refuse, but no objects', () => {
    const { kept, lost } = measure({ n: Number.NaN, s: '3', b: true, z: null, o: {}, d: new Date(), i: 1n })
    assert.deepEqual(kept, { n: Number.NaN, s: '3', b: true, z: null })
    assert.deepEqual(lost, { unusable: 3 })
  })

  it('takes anything, and yields only what an event may hold', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
        }),
        (source) => {
          const { kept } = sanitize(source, 20)
          assertClean(kept, 0)
        },
      ),
      { numRuns: 1000 },
    )
  })
})

function assertClean(value: unknown, depth: number): void {
  assert.ok(depth <= 9)
  if (typeof value === 'string') assert.ok(value.length <= 27)
  else if (typeof value === 'object' && value !== null && !(value instanceof ErrorSnapshot)) {
    assert.ok(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)
    for (const member of Object.values(value)) assertClean(member, depth + 1)
  } else assert.ok(['number', 'boolean', 'object'].includes(typeof value))
}
