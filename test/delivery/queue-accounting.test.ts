/**
 * The queue accounts for every item: whatever is queued, taken, split, sent back, expired or dropped, in whatever order
 * and under whatever limits, each item is in exactly one place, its weight is counted once, and its bytes are free once
 * it has left.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Batch } from '../../src/delivery/batch.ts'
import { createLedger } from '../../src/delivery/ledger.ts'
import { createQueue, type QueueLimits } from '../../src/delivery/queue.ts'
import type { QueueSpill } from '../../src/delivery/spill.ts'
import { stopwatch } from '../support/stopwatch.ts'

const noSpool: QueueSpill = {
  spill: () => false,
  items: 0,
  bytes: 0,
  fullReason: 'queue_full',
  fetch: () => {},
  isFetching: false,
}

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

interface Item {
  readonly weight: number
  readonly wire: number
  readonly memory: number
}

type Step =
  | { type: 'enqueue'; count: number; item: Item }
  | { type: 'take' | 'takeUntried'; round: number }
  | { type: 'requeue' | 'split' | 'release' | 'refused' | 'accepted'; which: number }
  | { type: 'expire'; age: number }
  | { type: 'drop' | 'hurry' | 'forget' }
  | { type: 'makeRoom'; bytes: number }
  | { type: 'limits'; limits: Partial<Mutable<QueueLimits>> }

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] }

const itemOf: fc.Arbitrary<Item> = fc.record({
  weight: fc.integer({ min: 0, max: 3 }),
  wire: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 900 }), fc.constant(5_000)),
  memory: fc.integer({ min: 0, max: 3_000 }),
})

const which = fc.nat({ max: 20 })
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('enqueue' as const),
        count: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(150)),
        item: itemOf,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constantFrom('take' as const, 'takeUntried' as const),
        round: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constantFrom(
          'requeue' as const,
          'requeue' as const,
          'split' as const,
          'release' as const,
          'refused' as const,
          'accepted' as const,
        ),
        which,
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('expire' as const), age: fc.nat({ max: 30 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constantFrom('drop' as const, 'hurry' as const, 'hurry' as const, 'forget' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('makeRoom' as const), bytes: fc.nat({ max: 70_000 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('limits' as const),
        limits: fc.record(
          {
            queueSize: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(400)),
            queueBytes: fc.oneof(fc.integer({ min: 2_000, max: 20_000 }), fc.constant(1e6)),
            batchSize: fc.integer({ min: 1, max: 12 }),
            maxRequestBytes: fc.integer({ min: 200, max: 4_000 }),
            overflow: fc.constantFrom('drop_newest' as const, 'drop_oldest' as const),
          },
          { requiredKeys: [] },
        ),
      }),
    },
  ),
  { maxLength: nightly ? 400 : 80, size: 'max' },
)

const overhead = 100

function createStage() {
  let limits: Omit<QueueLimits, 'spillSize' | 'spillBytes'> = {
    queueSize: 400,
    queueBytes: 1e6,
    batchSize: 5,
    maxRequestBytes: 2_000,
    overflow: 'drop_newest',
  }
  const ledger = createLedger(() => {})
  const queue = createQueue({
    ledger,
    limits: () => ({ spillSize: limits.queueSize, spillBytes: limits.queueBytes, ...limits }),
    sizeOf: undefined,
    requestBytes: () => overhead,
    heldBytes: () => 0,
    spool: () => noSpool,
    isFreshDue: () => true,
  })
  const slot = ((): number => {
    queue.enqueue({}, 0, 0, false, 0, 0)
    const { bytes } = queue
    queue.drop('disabled')
    return bytes
  })()
  const start = queue.tail
  const leases: Batch[] = []
  /** Every item that was let in, in order. */
  const entered: Item[] = []
  let accepted = 0
  let released = 0
  let now = 0

  const dropped = (): number => Object.values(ledger.dropped).reduce((sum, count) => sum + (count ?? 0), 0)
  const sum = (batch: Batch, of: (item: Item) => number): number =>
    (batch.items as Item[]).reduce((total, item) => total + of(item), 0)
  const size = (item: Item): number => item.memory + slot

  const noteLease = (batch: Batch | undefined): void => {
    if (!batch) return
    leases.push(batch)
    assert.ok(batch.items.length > 0, 'a batch holds something')
    assert.ok(batch.items.length <= limits.batchSize, 'a batch has at most batch_size items')
    assert.equal(batch.weights.length, batch.items.length)
    assert.equal(
      batch.weight,
      sum(batch, ({ weight }) => weight),
    )
    assert.equal(batch.bytes, sum(batch, size))
    assert.ok(batch.firstPosition >= start && batch.firstPosition < queue.tail)
  }

  const end: Record<'requeue' | 'split' | 'release', (batch: Batch) => void> = {
    requeue: (batch) => queue.requeue(batch),
    split: (batch) => queue.split(batch),
    release: (batch) => {
      released += batch.weight
      queue.release(batch.bytes)
    },
  }

  const check = (): void => {
    const inFlight = leases.reduce((total, { weight }) => total + weight, 0)
    const leased = leases.reduce((total, { bytes }) => total + bytes, 0)
    assert.equal(queue.weight + inFlight + released + dropped(), accepted, 'each weight is in one place')
    assert.ok(queue.bytes >= leased, 'what is in flight takes its bytes')
    assert.ok(queue.items >= queue.fresh && queue.fresh >= 0)
    if (queue.items === 0) assert.equal(queue.bytes, leased, 'an empty queue takes nothing')
    for (const { firstPosition } of leases) assert.ok(firstPosition < queue.tail)
    assert.ok(queue.taken() <= queue.tail)
  }

  const enqueue = (item: Item): void => {
    const own: Item = { ...item }
    now += 1
    accepted += own.weight
    if (!queue.enqueue(own, own.weight, now, false, own.wire, own.memory)) return
    entered.push(own)
    assert.ok(queue.bytes <= limits.queueBytes, 'what was let in fits')
    assert.ok(queue.items <= Math.max(limits.queueSize, 1) || limits.overflow === 'drop_oldest')
  }

  const take = (step: Step): void => {
    const lease = step.type === 'requeue' || step.type === 'split' || step.type === 'release'
    if (lease) {
      const [batch] = leases.splice(step.which % Math.max(leases.length, 1), 1)
      if (batch) end[step.type as 'requeue'](batch)
      return
    }
    switch (step.type) {
      case 'enqueue':
        for (let i = 0; i < step.count; i += 1) enqueue(step.item)
        return
      case 'take':
        noteLease(queue.take())
        return
      case 'takeUntried':
        noteLease(queue.takeUntried(step.round))
        return
      case 'refused':
      case 'accepted': {
        const batch = leases[step.which % Math.max(leases.length, 1)]
        if (batch) queue.requests[step.type](batch)
        return
      }
      case 'expire':
        queue.expire(now - step.age)
        return
      case 'drop':
        queue.drop('disabled')
        return
      case 'hurry':
        queue.hurry()
        return
      case 'forget':
        queue.requests.forget()
        return
      case 'makeRoom':
        queue.makeRoom(step.bytes)
        return
      case 'limits':
        limits = { ...limits, ...step.limits }
        return
    }
  }

  /** Settles everything; returns what came out. */
  const settleAll = (): Item[] => {
    const out = leases.splice(0).flatMap((batch) => {
      end.release(batch)
      return batch.items as Item[]
    })
    for (let batch = queue.takeUntried(9); batch; batch = queue.takeUntried(9)) {
      end.release(batch)
      out.push(...(batch.items as Item[]))
    }
    return out
  }

  return {
    queue,
    check,
    take,
    settleAll,
    entered,
    dropped,
    accepted: () => accepted,
    released: () => released,
  }
}

describe('the queue', () => {
  it('has every item in one place, counts each weight once, and is empty to the byte once all is settled', () =>
    fc.assert(
      fc.property(steps, (sequence) => {
        const stage = createStage()
        for (const step of sequence) {
          stage.take(step)
          stage.check()
        }
        const out = stage.settleAll()
        assert.equal(new Set(out).size, out.length, 'no item comes out twice')
        const { queue } = stage
        assert.deepEqual([queue.items, queue.weight, queue.bytes], [0, 0, 0])
        assert.equal(queue.taken(), queue.tail, 'nothing is left that a flush could wait for')
        assert.equal(stage.released() + stage.dropped(), stage.accepted())
      }),
      { numRuns: nightly ? 20_000 : 300 },
    ))

  it('gives a drain each batch that it has not tried, also one that comes back behind those it has', () => {
    const { queue, take } = createStage()
    take({ type: 'enqueue', count: 5, item: { weight: 1, wire: 0, memory: 10 } })
    const atOldClient = queue.take()!
    take({ type: 'enqueue', count: 5, item: { weight: 1, wire: 0, memory: 10 } })
    const tried = queue.takeUntried(1)!
    queue.requeue(tried)
    queue.requeue(atOldClient)
    assert.deepEqual(queue.takeUntried(1)?.items, atOldClient.items)
    assert.equal(queue.takeUntried(1), undefined)
  })

  it('drops the oldest of a huge failed batch at the cost of one item, not of the batch', () => {
    const { queue, take } = createStage()
    const item = { weight: 1, wire: 0, memory: 10 }
    const limits = { queueSize: 50_000, queueBytes: 1e9, batchSize: 50_000, maxRequestBytes: 1e9 }
    take({ type: 'limits', limits: { ...limits, overflow: 'drop_oldest' } })
    take({ type: 'enqueue', count: 50_000, item })
    queue.requeue(queue.take()!)
    const busyMs = stopwatch()
    for (let i = 0; i < 50_000; i += 1) queue.enqueue({}, 1, i, false, 0, 10)
    const took = busyMs()
    assert.ok(took < 5_000, `${took} ms`)
    assert.deepEqual([queue.items, queue.fresh], [50_000, 50_000])
  })

  it('gives out fresh items in the order in which they came', () =>
    fc.assert(
      fc.property(
        fc.array(itemOf, { maxLength: 200 }),
        fc.integer({ min: 1, max: 9 }),
        (items, batchSize) => {
          const stage = createStage()
          stage.take({ type: 'limits', limits: { batchSize } })
          for (const item of items) stage.take({ type: 'enqueue', count: 1, item })
          const out = stage.settleAll()
          const places = out.map((item) => stage.entered.indexOf(item))
          assert.deepEqual(
            places,
            places.toSorted((a, b) => a - b),
          )
        },
      ),
    ))
})
