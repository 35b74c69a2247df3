/**
 * The ledger adds up at every moment and from life to life, whatever backend, disk and operator do: random schedules
 * over a disk in memory, counted by a backend that outlives every process.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { LedgerStatus } from '../../src/delivery/ledger.ts'
import type { Disk } from '../../src/delivery/spool/disk.ts'
import { mock } from '../../src/exporters/mock.ts'
import type { Outcome } from '../../src/exporters/outcome.ts'
import { assertExact, totalPending } from '../support/ledger.ts'
import { createMemoryDisk, createPlatter, type MemoryDisk } from '../support/memory-disk.ts'
import { endSimulated, type SimulatedTelemetry, startSimulated } from '../support/simulated-telemetry.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

type Answer = 'delivered' | 'down' | 'arrived' | 'refused' | 'hangs'
type DiskFault = 'none' | 'ENOSPC' | 'EIO' | 'EROFS' | 'unsynced' | 'slow'

type Step =
  | { readonly type: 'emit'; readonly count: number }
  | { readonly type: 'pass'; readonly seconds: number }
  | { readonly type: 'answer'; readonly answer: Answer }
  | { readonly type: 'disk'; readonly fault: DiskFault }
  | { readonly type: 'kill' | 'stop' | 'flush' }
  | { readonly type: 'put'; readonly changes: Readonly<Record<string, unknown>> }

const spoolOf = (mode: 'always' | 'overflow', directory = '/spool', bytes = 2 ** 20) => ({
  directory,
  mode,
  max_bytes: bytes,
  fsync: 'batch',
})

const stepsOf = (
  faults: readonly DiskFault[],
  changes: fc.Arbitrary<Record<string, unknown>>,
): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 10,
        arbitrary: fc.record({ type: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 12 }) }),
      },
      {
        weight: 10,
        arbitrary: fc.record({
          type: fc.constant('pass' as const),
          seconds: fc.constantFrom(0.01, 0.3, 1, 1, 2, 7),
        }),
      },
      {
        weight: 5,
        arbitrary: fc.record({
          type: fc.constant('answer' as const),
          answer: fc.constantFrom<Answer>('delivered', 'down', 'down', 'arrived', 'refused', 'hangs'),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constant('disk' as const), fault: fc.constantFrom(...faults) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constantFrom('kill' as const, 'stop' as const, 'flush' as const) }),
      },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('put' as const), changes }) },
    ) satisfies fc.Arbitrary<Step>,
    { maxLength: nightly ? 120 : 30, size: 'max' },
  )

const faultsOf: Readonly<Record<DiskFault, ReadonlySet<keyof Disk>>> = {
  none: new Set(),
  ENOSPC: new Set(['write', 'makeDirectory']),
  EIO: new Set(['write', 'read', 'sync', 'rename', 'remove', 'list']),
  EROFS: new Set(['write', 'rename', 'remove', 'makeDirectory', 'makeExclusively']),
  unsynced: new Set(['sync']),
  slow: new Set(['write', 'read', 'rename']),
}

/** What outlives every process: the disk and the backend. */
function createWorld(init: Readonly<Record<string, unknown>>) {
  const platter = createPlatter()
  const arrivals = new Map<string, number>()
  const ledgers: LedgerStatus[] = []
  let answer: Answer = 'delivered'
  let fault: DiskFault = 'none'
  let emitted = 0
  /** Operations that take long. */
  const slow: (() => void)[] = []
  let alive: MemoryDisk | undefined
  let life: (SimulatedTelemetry & { disk: MemoryDisk }) | undefined

  const arrive = (batch: readonly { name: string }[]): void => {
    for (const { name } of batch) arrivals.set(name, (arrivals.get(name) ?? 0) + 1)
  }
  const exportBatch = (batch: readonly { name: string }[]): Outcome | Promise<Outcome> => {
    if (answer === 'delivered' || answer === 'arrived' || answer === 'hangs') arrive(batch)
    if (answer === 'hangs') return new Promise(() => {})
    const cause = new Error(answer)
    if (answer === 'arrived') return { type: 'retry', ambiguous: true, cause }
    if (answer === 'down') return { type: 'retry', cause }
    return answer === 'refused' ? { type: 'refused', cause } : { type: 'delivered' }
  }

  const begin = async (): Promise<void> => {
    const disk = createMemoryDisk(platter)
    alive = disk
    disk.fault = (operation) => {
      if (!faultsOf[fault].has(operation)) return undefined
      if (fault !== 'slow') throw Object.assign(new Error(fault), { code: fault })
      return new Promise((resolve) => {
        slow.push(resolve)
        life?.clock.setTimeout(() => resolve(), 6_000)
      })
    }
    const config = { batch_size: 5, queue_size: 24, event_patterns: ['app.*'], reset_timeout: 2, timeout: 3 }
    // A process that was killed sends nothing more.
    const backend = mock({
      type: 'test',
      export: (batch) => (alive === disk ? exportBatch(batch) : new Promise(() => {})),
    })
    const started = await startSimulated(
      [backend],
      { test: { ...config, flush_interval: 1, ...init } },
      undefined,
      undefined,
      disk,
    )
    life = { ...started, disk }
    await life.settle()
  }
  const ledger = (): LedgerStatus => life!.telemetry.status().exporters.test!.ledger

  return {
    begin,
    ledger,
    ledgers,
    arrivals,
    platter,
    life: () => life!,
    get emitted() {
      return emitted
    },
    async perform(step: Step): Promise<void> {
      const { telemetry, pass, settle, end, disk } = life!
      switch (step.type) {
        case 'emit':
          for (let i = 0; i < step.count; i += 1) telemetry.emit(`app.${emitted++}`)
          break
        case 'pass':
          await pass(step.seconds)
          break
        case 'answer':
          answer = step.answer
          break
        case 'disk':
          fault = step.fault
          break
        case 'flush':
          void telemetry.flush({ timeoutMs: 500 })
          await settle()
          break
        case 'put':
          telemetry.config.put(step.changes).catch(() => {})
          await pass(0.05)
          break
        case 'kill': {
          // What was emitted is in the ledger that dies.
          ledgers.push(ledger())
          disk.kill()
          alive = undefined
          await begin()
          break
        }
        case 'stop': {
          const { exporters } = await end(3_000)
          ledgers.push(exporters.test!)
          assertExact(exporters.test!, 'after a stop')
          disk.kill()
          await begin()
          break
        }
      }
    },
    heal() {
      answer = 'delivered'
      fault = 'none'
      for (const resolve of slow) resolve()
    },
  }
}

const total = (all: readonly LedgerStatus[], part: (ledger: LedgerStatus) => number): number =>
  all.reduce((sum, ledger) => sum + part(ledger), 0)

describe('a spool under random schedules', function () {
  this.timeout(nightly ? 3_600_000 : 300_000)
  afterEach(endSimulated)

  const check = async (
    init: Readonly<Record<string, unknown>>,
    steps: readonly Step[],
    after: (world: ReturnType<typeof createWorld>) => void = () => {},
  ): Promise<void> => {
    const world = createWorld(init)
    try {
      await world.begin()
      for (const step of steps) {
        await world.perform(step)
        assertExact(world.ledger(), JSON.stringify(step))
      }
      world.heal()
      await world.perform({ type: 'put', changes: { 'test.enabled': true, 'test.spool': init.spool } })
      for (let i = 0; i < 40 && totalPending(world.ledger()) > 0; i += 1) {
        await world.life().pass(20)
        assertExact(world.ledger(), 'while it recovers')
      }
      assert.equal(totalPending(world.ledger()), 0, JSON.stringify(world.ledger()))
      await world.life().pass(60)
      const files = [...world.platter.files.keys()].filter((path) => /^\/spool\/[^/]*\.spool$/.test(path))
      assert.deepEqual(files, [], 'what is not pending is not on disk')
      world.ledgers.push(world.ledger())
      const kills = steps.filter(({ type }) => type === 'kill').length
      // Five lives that end while they send a file have it set aside. No trouble of the disk does.
      if (kills < 5)
        assert.equal(
          total(world.ledgers, ({ dropped }) => dropped.spool_corrupt ?? 0),
          0,
        )
      const sent = [...world.arrivals.values()]
      const duplicates = sent.reduce((sum, count) => sum + count - 1, 0)
      const ambiguous = total(world.ledgers, (ledger) => ledger.ambiguous)
      assert.ok(duplicates <= ambiguous, `${duplicates} duplicates, ${ambiguous} ambiguous`)
      assert.ok(total(world.ledgers, ({ accepted, restored = 0 }) => accepted - restored) <= world.emitted)
      after(world)
    } finally {
      await endSimulated()
    }
  }

  const calm = fc.constantFrom<Record<string, unknown>>(
    { 'test.batch_size': 3 },
    { 'test.endpoint': 'mock://two' },
    { 'test.max_in_flight': 1 },
    { 'test.overflow': 'drop_oldest' },
  )
  const wild = fc.oneof(
    calm,
    fc.constantFrom<Record<string, unknown>>(
      { 'test.enabled': false },
      { 'test.enabled': true },
      { 'test.spool': null },
      { 'test.spool': spoolOf('always') },
      { 'test.spool': spoolOf('overflow', '/other') },
      { 'test.max_age': 5 },
    ),
  )

  for (const mode of ['always', 'overflow'] as const)
    it(`adds up in the mode ${mode}, also when the disk fails and settings change`, async () => {
      await fc.assert(
        fc.asyncProperty(
          stepsOf(['none', 'none', 'ENOSPC', 'EIO', 'EROFS', 'unsynced', 'slow'], wild),
          (steps) => check({ spool: spoolOf(mode) }, steps),
        ),
        { numRuns: nightly ? 1000 : 40 },
      )
    })

  it('restores after a kill at least what was on disk, and after a stop exactly that', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('always' as const, 'overflow' as const),
        stepsOf(['none'], calm),
        (mode, steps) =>
          check({ spool: spoolOf(mode) }, steps, ({ ledgers, emitted }) => {
            assert.equal(
              total(ledgers, ({ accepted, restored = 0 }) => accepted - restored),
              emitted,
            )
            for (const [i, { restored = 0 }] of ledgers.entries()) {
              const before = ledgers[i - 1]
              if (before === undefined) assert.equal(restored, 0)
              else if (before.dropped.shutdown === undefined) {
                assert.ok(restored >= before.pending.spooled!, 'what was on disk is restored')
                assert.ok(restored <= totalPending(before) + before.ambiguous + before.delivered)
              }
            }
          }),
      ),
      { numRuns: nightly ? 1000 : 40 },
    )
  })
})
