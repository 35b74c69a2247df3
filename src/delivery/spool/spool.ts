import { createActor } from 'xstate'
import type { SpoolState } from '../../../machines/index.ts'
import { elapsed } from '../../clock.ts'
import type { DropReason } from '../../exporters/drop-reasons.ts'
import { type Batch, batchOf, dropBatch } from '../batch.ts'
import { createRing, type RequestRoom } from '../ring.ts'
import { wireSpool } from './chart.ts'
import type { Spool, SpoolOptions } from './contract.ts'
import { createFetch } from './fetch.ts'
import { createLeaving } from './leaving.ts'
import { createWriter, roomOfFile } from './save.ts'
import { type SpoolSettings, spoolSettingsOf } from './settings.ts'
import { createStore } from './store.ts'

/** Parts of memory that are free for what comes in while the disk writes. */
const relief = 0.25
/** Parts of `flush_interval`: how often one looks, and how old is what is written then. */
const lookEach = 1 / 8
const writtenAfter = 3 / 4
const shortestLookMs = 5

export function createSpool(options: SpoolOptions): Spool {
  const { id, definition, clock, ledger, disk, queue, leases, config, onError, onReadable, onChange } =
    options
  /** The latest there were; the spool may be off by now. */
  let settings: SpoolSettings | undefined
  let isLast = false
  let isWriting = false
  let timer: unknown
  let shown: SpoolState = 'off'
  let parking: Promise<void> = Promise.resolve()
  /** The next batch from disk, at the last look. */
  let idle: Batch | undefined
  const leaving = createLeaving()
  const ring = createRing(definition.sizeOf?.bind(definition))

  const room = (): RequestRoom => roomOfFile(settings as SpoolSettings)

  const store = createStore({
    id,
    type: definition.type,
    version: definition.packVersion ?? 1,
    settings: () => settings as SpoolSettings,
    disk,
    clock,
    send: (event) => actor?.send(event),
    onRestored: ledger.restore,
    onDropped(reason, weight, isAmbiguous) {
      if (isAmbiguous) ledger.addAmbiguous(weight)
      ledger.drop(reason, weight)
    },
    onError,
    onReadable,
  })
  const writer = createWriter(definition, options.state, store)
  const fetching = createFetch({
    ...{ definition, state: options.state, store, clock, queue, onError, onReadable },
    onRead: () => {
      if (!options.isTaking()) pause()
    },
  })

  const start = () => {
    const made = createActor(wireSpool({ open: store.open, close: () => store.close(isLast) }), {
      input: { spool: store },
      clock,
      inspect: options.inspect,
      systemId: `spool:${id}`,
    })
    made.on('state.shown', () => {
      const [to = 'off'] = made.getSnapshot().tags as Set<SpoolState>
      const from = shown
      shown = to
      if (from !== to) options.onStateChange(from, to)
      onChange()
      // Batches that were to be written are sent as without a spool.
      if (to !== 'ready') returnSpilt()
      // Items that came before it was open wait already.
      else wake()
    })
    made.subscribe({ error: onError })
    made.start()
    return made
  }
  let actor: ReturnType<typeof start> | undefined

  const flushIntervalMs = (): number => Number(config().flush_interval) * 1000

  const takeSpilt = (): Batch => {
    const batch = batchOf(ring.take(room()))
    batch.firstPosition = queue().taken()
    return batch
  }

  const returnSpilt = (): void => {
    while (ring.size > 0) queue().giveBack(takeSpilt())
    onReadable()
  }

  /** Writes a batch that is leaving: afterwards it is on disk alone. `onFailed` is called where that fails. */
  const write = async (batch: Batch, onFailed: () => void): Promise<boolean> => {
    const file = store.mayWrite ? await writer.save(batch, false) : undefined
    const isWanted = leaving.remove(batch)
    if (file === undefined) {
      if (isWanted) onFailed()
      return false
    }
    if (isWanted) {
      store.wait(file)
      batch.backing?.leave(batch.items.length)
    } else store.remove(file)
    return true
  }

  const move = (batch: Batch): Promise<boolean> => {
    leaving.add(batch)
    return write(batch, () => {
      queue().giveBack(batch)
      onReadable()
    })
  }

  const nextWork = (): (() => Promise<boolean>) | undefined => {
    const before = elapsed(clock) - flushIntervalMs() * writtenAfter
    if (ring.size > 0 && (ring.bytes >= room().wire || ring.oldest() <= before))
      return () => move(takeSpilt())
    if (settings?.mode !== 'always') return undefined
    for (const batch of leases()) {
      if (batch.at > before || batch.backing?.isLost === false) continue
      return () => writer.copy(batch)
    }
    const batch = queue().takeUnbacked(before, room())
    return batch && (() => move(batch))
  }

  const pump = (): void => {
    if (isWriting || !store.mayWrite) return
    const work = nextWork()
    if (work === undefined) return
    isWriting = true
    void work().then((isDone) => {
      isWriting = false
      if (isDone) pump()
    })
  }

  const wake = (): void => {
    if (timer !== undefined || !store.mayWrite) return
    const isAlways = settings?.mode === 'always' && (queue().items > 0 || leases().size > 0)
    if (!isAlways && ring.size === 0) return
    timer = clock.setTimeout(
      () => {
        timer = undefined
        pump()
        wake()
      },
      Math.max(flushIntervalMs() * lookEach, shortestLookMs),
    )
  }

  /** Returns the batches that are not in a file of their own. Those before others go before them again. */
  const putBack = (batches: readonly Batch[]): Batch[] =>
    batches
      .toReversed()
      .filter((batch) => !writer.putBack(batch))
      .reverse()

  /** Returns files that were read and not sent: they take memory, and their names say that they are being sent. */
  const pause = (): void => void putBack(queue().returnFetched(writer.isWhole))

  const returnIdle = (): void => {
    if (idle !== undefined && idle === queue().nextFetched) pause()
    idle = queue().nextFetched
  }

  /** Empties the memory. Returns what is not in a file of its own. */
  const takeAll = (): Batch[] => {
    const batches: Batch[] = []
    while (ring.size > 0) batches.push(takeSpilt())
    batches.push(...queue().removeAll(room()))
    return putBack(batches)
  }

  const park = async (batches: readonly Batch[], reason: DropReason): Promise<void> => {
    for (const batch of batches)
      if (leaving.has(batch)) await write(batch, () => dropBatch(ledger, reason, batch))
  }

  return {
    configure(now) {
      const next = spoolSettingsOf(now)
      if (next === null) {
        actor?.send({ type: 'spool.disable' })
        return
      }
      const isMoved = settings !== undefined && settings.directory !== next.directory
      settings = next
      actor ??= start()
      if (isMoved) actor.send({ type: 'spool.disable' })
      actor.send({ type: 'spool.enable' })
      // `max_bytes` may be larger than before.
      if (shown === 'full' && store.writing.hasRoom) actor.send({ type: 'spool.freed' })
      onChange()
    },
    get spills() {
      return store.mayWrite
    },
    get isPrompt() {
      return store.mayWrite && settings?.mode === 'always'
    },
    get isDue() {
      return fetching.isPossible
    },
    load: fetching.load,
    fetch() {
      if (fetching.isPossible) void fetching.load()
    },
    pause,
    get isFetching() {
      return fetching.isUnderWay
    },
    wake,
    spill(item, weight, at, self, wire, memory) {
      if (!store.mayWrite) return false
      const { queue_size: queueSize, queue_bytes: queueBytes } = config()
      if (ring.size >= Number(queueSize) * relief) return false
      if (ring.bytes + leaving.bytes >= Number(queueBytes) * relief) return false
      ring.push(item, weight, at, self, wire, memory)
      if (ring.bytes >= room().wire) pump()
      wake()
      return true
    },
    get items() {
      return ring.size
    },
    get bytes() {
      return ring.bytes + leaving.bytes
    },
    get fullReason() {
      return shown === 'full' ? 'spool_full' : 'queue_full'
    },
    get memoryWeight() {
      return ring.weight + leaving.weight
    },
    get weight() {
      return actor && store.weight
    },
    flushed() {
      let mark: number | undefined
      return () => {
        if (actor === undefined) return true
        if (mark === undefined && ring.size === 0 && leaving.size === 0) mark = store.newest
        return mark !== undefined && store.settledTo(mark)
      }
    },
    tick({ max_age: maxAge }) {
      if (actor === undefined) return
      store.tick(typeof maxAge === 'number' ? maxAge * 1000 : undefined)
      returnIdle()
      pump()
      wake()
    },
    park(reason) {
      if (actor === undefined || shown === 'off') return false
      const unread = takeAll()
      for (const batch of unread) leaving.add(batch)
      parking = parking.then(() => park(unread, reason))
      return true
    },
    parked: () => parking,
    end: (reason) =>
      new Promise((resolve) => {
        for (const batch of leaving.clear()) dropBatch(ledger, reason, batch)
        clock.clearTimeout(timer)
        isLast = true
        // A write that was under way when the rest was parked, and failed, has put its batch back.
        for (const batch of actor ? takeAll() : []) dropBatch(ledger, reason, batch)
        if (actor === undefined || shown === 'off') return resolve()
        actor.on('state.shown', () => {
          if (shown === 'off') resolve()
        })
        actor.send({ type: 'spool.disable' })
      }),
    status: () =>
      actor &&
      settings && {
        state: shown,
        directory: settings.directory,
        mode: settings.mode,
        ...store.status(),
      },
  }
}
