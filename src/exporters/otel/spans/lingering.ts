/** What a {@link Lingering} table holds; the flag is the table's own. */
export interface MayLinger {
  lingers: boolean
}

/**
 * A Map whose dead entries stay for a while: until 256 others have died. A key that comes and goes all the time then
 * keeps its entry, where a Map would pile up its deleted ones in one hash chain and take ever longer.
 */
export interface Lingering<K, V extends MayLinger> {
  /** Also what is dead but still there. */
  get(key: K): V | undefined
  set(key: K, value: V): void
  /** Says that the entry of `key` is dead; it may live again without being set. */
  died(key: K, value: V): void
  clear(): void
}

const kept = 256

export function createLingering<K, V extends MayLinger>(isDead: (value: V) => boolean): Lingering<K, V> {
  const entries = new Map<K, V>()
  const dying: { key: K; value: V }[] = []
  let oldest = 0

  return {
    get: (key) => entries.get(key),
    set: (key, value) => {
      entries.set(key, value)
    },
    died: (key, value) => {
      if (value.lingers) return
      value.lingers = true
      if (dying.length < kept) {
        dying.push({ key, value })
        return
      }
      const slot = dying[oldest]!
      slot.value.lingers = false
      // What lingers is still there under its key.
      if (isDead(slot.value)) entries.delete(slot.key)
      slot.key = key
      slot.value = value
      oldest = (oldest + 1) % kept
    },
    clear: () => {
      entries.clear()
      dying.length = 0
      oldest = 0
    },
  }
}
