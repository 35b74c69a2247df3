/** A flush of one exporter. */
export interface Flush {
  /** True when everything before its position is settled; false when that cannot be now, or its caller gave up. */
  readonly settled: Promise<boolean>
  /** Forgets a flush whose caller no longer waits, however long the backend stays away. */
  giveUp(): void
}

/** Flushes that wait until everything queued before them is settled. */
export interface Flushes {
  /** `isSpoolSettled`: nothing that was on disk at its beginning is unsettled. */
  begin(position: number, isSpoolSettled?: () => boolean): Flush
  /** Makes everything up to this position due. */
  request(position: number): void
  /** Everything before this position has been asked for by a flush. */
  readonly requestedTo: number
  /** Gives up on what is not delivered yet: the backend cannot be reached. */
  fail(): void
  /** Resolves those for which nothing is left. */
  wake(): void
}

export function createFlushes(settledBefore: () => number): Flushes {
  const waiting: {
    readonly position: number
    readonly isSpoolSettled: () => boolean
    resolve(settled: boolean): void
  }[] = []
  let requestedTo = 0

  /** A turn later, when the charts have heard of it as well: a status that is read then agrees. */
  const end = ({ resolve }: (typeof waiting)[number], settled: boolean): void =>
    void setImmediate(() => resolve(settled))

  const wake = (): void => {
    if (waiting.length === 0) return
    const position = settledBefore()
    for (let i = waiting.length - 1; i >= 0; i -= 1) {
      const flush = waiting[i] as (typeof waiting)[number]
      if (position < flush.position || !flush.isSpoolSettled()) continue
      waiting.splice(i, 1)
      end(flush, true)
    }
  }

  return {
    begin(position, isSpoolSettled = () => true) {
      let giveUp = (): void => {}
      const settled = new Promise<boolean>((resolve) => {
        const flush = { position, isSpoolSettled, resolve }
        waiting.push(flush)
        giveUp = () => {
          const place = waiting.indexOf(flush)
          if (place >= 0) waiting.splice(place, 1)
          resolve(false)
        }
      })
      wake()
      return { settled, giveUp }
    },
    request(position) {
      requestedTo = position
    },
    get requestedTo() {
      return requestedTo
    },
    fail() {
      requestedTo = 0
      wake()
      for (const flush of waiting.splice(0)) end(flush, false)
    },
    wake,
  }
}
