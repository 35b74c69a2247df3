import { randomFillSync } from 'node:crypto'

const pool = new Int32Array(2048)
let next = pool.length

/** 32 cryptographically random bits as a signed integer; one system call per 2,048 words. */
export function randomWord(): number {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  return pool[next++]!
}
