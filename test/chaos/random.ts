/** Random choices that a seed repeats. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** From `from` to `to`, both included. */
  int(from: number, to: number): number
  chance(probability: number): boolean
  pick<Value>(values: readonly Value[]): Value
  /** By weight. */
  choose<Value>(values: readonly (readonly [weight: number, value: Value])[]): Value
  /** Choices of its own, so that those made elsewhere stay the same whatever is chosen here. */
  fork(): Random
}

/** Mulberry32: small, and good enough to choose with. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (values) => values[int(0, values.length - 1)]!,
    choose(values) {
      let left = next() * values.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, value] of values) {
        left -= weight
        if (left < 0) return value
      }
      return values.at(-1)![1]
    },
    fork: () => createRandom(Math.floor(next() * 2 ** 32)),
  }
}
