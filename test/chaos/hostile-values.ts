import type { Random } from './random.ts'

const cyclic = (): object => {
  const loop: Record<string, unknown> = { a: 1 }
  loop.self = loop
  return loop
}
const deep = (): object => {
  let value: object = {}
  for (let i = 0; i < 200; i += 1) value = { value }
  return value
}
const getter = (): object =>
  Object.defineProperty({ ok: 1 }, 'bad', {
    enumerable: true,
    get() {
      throw new Error('a getter')
    },
  })
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const trapped = (): object =>
  new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('a trap')
      },
    },
  )
const wide = (): object => Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`key_${i}`, i]))

const values: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => Number.NaN,
  () => Number.NEGATIVE_INFINITY,
  () => -0,
  () => 2 ** 70,
  () => -1,
  () => 10n ** 30n,
  () => Symbol('s'),
  () => () => {},
  () => '',
  () => 'x'.repeat(40_000),
  () => '\ud800 lone \udfff',
  () => '\u0000\n\r"\\{}=,',
  () => '🦊'.repeat(9_000),
  () => [],
  () => [1, 'a', null, {}],
  () => new Date(Number.NaN),
  () => new Map([[{}, 1]]),
  () => new Uint8Array(300),
  () => Object.create(null),
  () => new Error('e', { cause: cyclic() }),
  () => Promise.resolve(),
  cyclic,
  deep,
  getter,
  revoked,
  trapped,
  wide,
  () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}'),
]

/** What nobody should emit, and somebody does. */
export const hostileValue = (random: Random): unknown => random.pick(values)()

const keys = [
  'a',
  '',
  '__proto__',
  'constructor',
  'le',
  'quantile',
  'a b',
  '\u2028',
  'correlation_id',
  'error',
  'links',
  'traceparent',
  'x'.repeat(3_000),
]

/** Fields with hostile keys and values. */
export function hostileFields(random: Random): unknown {
  if (random.chance(0.2)) return hostileValue(random)
  const fields: Record<string, unknown> = {}
  for (let i = random.int(0, 6); i > 0; i -= 1)
    Object.defineProperty(fields, random.pick(keys), {
      value: hostileValue(random),
      enumerable: true,
      configurable: true,
    })
  return fields
}

/** Names that are none, or hardly. */
export const hostileNames: readonly unknown[] = [
  '',
  '.start',
  'job.',
  'job..start',
  'x'.repeat(1_025),
  `job.${'y'.repeat(1_000)}.start`,
  'job.\u0000.start',
  'job.\ud800.start',
  'job.🦊.start',
  '__proto__',
  'job.total_total',
  null,
  undefined,
  7,
  {},
]
