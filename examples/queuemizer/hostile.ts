/** Metadata as a careless caller, or an attacker, might hand it to `emit`. */
export function hostileMetadata(): object[] {
  const cycle: Record<string, unknown> = { name: 'snake' }
  cycle.tail = cycle
  const throwing = Object.defineProperty({}, 'user', {
    enumerable: true,
    get: () => {
      throw new Error('there is no user')
    },
  })
  const treacherous = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no keys for you')
      },
    },
  )
  const crowd = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key_${i}`, i]))
  return [
    cycle,
    throwing,
    treacherous,
    crowd,
    JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
    { big: 2n ** 70n, symbol: Symbol('x'), fn: () => {}, nothing: Number.NaN, long: 'x'.repeat(1_000_000) },
  ]
}
