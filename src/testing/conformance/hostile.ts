const text = 'x'.repeat(100_000)

const cycle = (): object => {
  const one: Record<string, unknown> = {}
  one.self = { one }
  return one
}

const deep = (): object => {
  let nest: object = {}
  for (let i = 0; i < 5_000; i += 1) nest = { nest }
  return nest
}

const hostileProxy = (): object =>
  new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('a hostile proxy')
      },
      get: () => {
        throw new Error('a hostile proxy')
      },
    },
  )

const throwing = (): object =>
  Object.defineProperty({}, 'boom', {
    enumerable: true,
    get: () => {
      throw new Error('a hostile getter')
    },
  })

/** Returns invalid and hostile field values that an application might emit. Each call makes new ones. */
export const hostileFields = (): readonly unknown[] => [
  null,
  undefined,
  0,
  'text',
  Symbol('s'),
  [1, 2, 3],
  () => 1,
  cycle(),
  deep(),
  throwing(),
  hostileProxy(),
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": 2}'),
  { count: Number.NaN, duration_ms: Number.NEGATIVE_INFINITY },
  { count: -1, duration_ms: -1 },
  { count: 1n, duration_ms: '12' },
  { count: Number.MAX_VALUE, duration_ms: Number.MAX_SAFE_INTEGER },
  { [text]: text, '': '', '\u0000': '\ud800', 'a b"\\\n': 'c"\\\n{}', __name__: 'x', le: 'x', quantile: 'x' },
  { correlation_id: null, request_id: {}, traceparent: '00-zz-zz-00', tracestate: text },
  { correlation_id: Number.NaN, error: throwing(), reason: cycle() },
  { error: Object.assign(new Error(text), { stack: null, name: 7 }), at: new Date(Number.NaN) },
  Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`key_${i}`, i])),
]

/** Unexpected names, and values that are not strings. */
export const hostileNames = (): readonly unknown[] => [
  'hostile',
  'hostile.',
  'hostile..start',
  'hostile.\u0000\ud800\n"{}',
  `hostile.${text}`,
  'hostile.__proto__.start',
  '',
  undefined,
  null,
  7,
  {},
]
