/** The breaker's chart: what each request, result and command does in each of its states, and how long it waits. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { breakerMachine } from '../../machines/index.ts'
import { breakerChart, settings, stageBreaker } from './stages/breaker.ts'
import { coversChart, followTable } from './table.ts'

const opens = ['open', 'shows open'] as const
const closes = ['closed', 'shows closed'] as const
const operator = {
  'is forced open': ['forced_open', 'shows forced_open'],
  'is disabled': ['disabled', 'shows disabled'],
  'is reset': closes,
} as const
/** As `operator`, with somebody who waits. */
const operatorAwaited = {
  'is forced open': ['forced_open, awaited', 'shows forced_open'],
  'is disabled': ['disabled', 'shows disabled', 'holder < a permit'],
  'is reset': ['closed', 'shows closed', 'holder < a permit'],
} as const
const revoked = 'holder < permit.revoked'
/** As `operator`, while somebody holds a permit. */
const operatorHeld = {
  'is forced open': ['forced_open', 'shows forced_open', revoked],
  'is disabled': ['disabled', 'shows disabled', revoked],
  'is reset': ['closed', 'shows closed', revoked],
} as const
const trip = ['asks', 'fails three times at once']
const misdirect = ['asks', 'is misdirected']
const grants = {
  asks: ['holder < a permit'],
  'asks urgently': ['holder < a permit'],
} as const

const stays = <Rows extends Record<string, readonly string[]>>(state: string, rows: Rows) =>
  Object.fromEntries(Object.entries(rows).map(([name, log]) => [name, [state, ...log] as const]))

describe('the breaker chart', () => {
  followTable(breakerChart, {
    closed: {
      'is watched': ['closed', 'watcher < 0 serves'],
      ...operatorHeld,
      'moves on': ['closed', revoked],
      ...stays('closed', grants),
      fails: ['closed, 1 failed'],
      'succeeds between failures': ['closed, 1 failed'],
      'fails three times at once': opens,
      'is misdirected': opens,
    },
    'closed, 2 failed': {
      'is watched': ['closed, 2 failed', 'watcher < 0 serves'],
      ...operatorHeld,
      ...stays('closed, 2 failed', grants),
      succeeds: ['closed'],
      'is refused': ['closed'],
      'moves on': ['closed', revoked],
      fails: opens,
      'fails three times at once': opens,
      'succeeds between failures': opens,
      'is misdirected': opens,
    },
    open: {
      'is watched': ['open', 'watcher < 0 away'],
      ...operator,
      asks: ['open, awaited'],
      'asks for a probe': ['open, awaited'],
      'asks urgently': ['half_open.probing', 'shows half_open', 'holder < a probe'],
      'moves on': closes,
      'time passes': ['half_open.free', 'shows half_open'],
    },
    'open, awaited': {
      'is watched': ['open, awaited', 'watcher < 0 away'],
      ...operatorAwaited,
      'asks urgently': ['half_open.probing', 'shows half_open', 'holder < a probe'],
      withdraws: ['open'],
      cancels: ['open'],
      'moves on': ['closed', 'shows closed', 'holder < a permit'],
      'time passes': ['half_open.probing', 'shows half_open', 'holder < a probe'],
    },
    'half_open.free': {
      'is watched': ['half_open.free', 'watcher < 0 probe_free'],
      ...operator,
      asks: ['half_open.probing', 'holder < a probe'],
      'asks urgently': ['half_open.probing', 'holder < a probe'],
      'asks for a probe': ['half_open.probing', 'holder < a probe'],
      'moves on': closes,
    },
    'half_open.probing': {
      'is watched': ['half_open.probing', 'watcher < 0 away'],
      ...operatorHeld,
      asks: ['half_open.probing, awaited'],
      'asks urgently': ['half_open.probing, awaited'],
      'asks for a probe': ['half_open.probing, awaited'],
      cancels: ['half_open.free'],
      succeeds: closes,
      'is refused': closes,
      'succeeds between failures': opens,
      fails: opens,
      'fails three times at once': opens,
      'is misdirected': opens,
      'is cancelled': ['half_open.free'],
      'sent nothing': ['half_open.free'],
      'moves on': ['closed', 'shows closed', revoked],
      'time passes': ['half_open.free'],
    },
    'half_open.probing, awaited': {
      'is watched': ['half_open.probing, awaited', 'watcher < 0 away'],
      'is forced open': ['forced_open, awaited', 'shows forced_open', revoked],
      'is disabled': ['disabled', 'shows disabled', revoked, 'holder < a permit'],
      'is reset': ['closed', 'shows closed', revoked, 'holder < a permit'],
      withdraws: ['half_open.probing'],
      cancels: ['half_open.free'],
      succeeds: ['closed', 'shows closed', 'holder < a permit'],
      'is refused': ['closed', 'shows closed', 'holder < a permit'],
      'succeeds between failures': ['open, awaited', 'shows open'],
      fails: ['open, awaited', 'shows open'],
      'fails three times at once': ['open, awaited', 'shows open'],
      'is misdirected': ['open, awaited', 'shows open'],
      'is cancelled': ['half_open.probing', 'holder < a probe'],
      'sent nothing': ['half_open.probing', 'holder < a probe'],
      'moves on': ['closed', 'shows closed', revoked, 'holder < a permit'],
      'time passes': ['half_open.probing', revoked, 'holder < a probe'],
    },
    forced_open: {
      'is watched': ['forced_open', 'watcher < 0 forced_open'],
      ...operator,
      asks: ['forced_open, awaited'],
      'asks for a probe': ['forced_open, awaited'],
      'asks urgently': ['forced_open', 'holder < permit.denied'],
    },
    'forced_open, awaited': {
      'is watched': ['forced_open, awaited', 'watcher < 0 forced_open'],
      ...operatorAwaited,
      'asks urgently': ['forced_open, awaited', 'holder < permit.denied'],
      withdraws: ['forced_open'],
      cancels: ['forced_open'],
    },
    disabled: {
      'is watched': ['disabled', 'watcher < 0 serves'],
      ...operator,
      ...stays('disabled', grants),
    },
  })

  it('is disabled from the start for an exporter that is pulled', () => {
    assert.equal(stageBreaker({ bypassed: true }).show(), 'disabled')
  })

  it('counts again from zero for a new destination, whose results alone count', () => {
    const { commands, show } = stageBreaker()
    for (const command of ['asks', 'fails', 'moves on'] as const) commands[command]()
    assert.equal(show(), 'closed')
    for (const command of ['fails', 'asks', 'fails'] as const) commands[command]()
    assert.equal(show(), 'closed, 1 failed')
  })

  it('opens at the next failure after its threshold was lowered', () => {
    const { commands, show } = stageBreaker()
    for (const command of ['asks', 'is configured', 'fails'] as const) commands[command]()
    assert.equal(show(), 'open')
  })

  it('tells its watcher what it lets through', () => {
    const { commands, log } = stageBreaker({ endpoint: 1 })
    for (const command of ['is watched', ...trip, 'time passes', 'asks', 'succeeds', 'is forced open'])
      commands[command as 'asks']()
    const told = log
      .filter((line) => line.startsWith('watcher'))
      .map((line) => line.replace('watcher < ', ''))
    assert.deepEqual(told, ['1 serves', '1 away', '1 probe_free', '1 serves', '1 forced_open'])
  })

  it('waits at least as long as the backend asked for, where other endpoints serve meanwhile', () => {
    const { send, context, clock } = stageBreaker()
    const { generation } = context
    const at = clock.monotonic()
    const results = ['failure', 'failure', 'failure'] as const
    send({ type: 'export.reported', generation, results, at, jitter: 0, retryAfterMs: 7_000 })
    assert.equal(clock.nextTimerIn, 7_000)
  })

  it('denies an urgent request until then, unless nothing is sent after it', () => {
    const { send, context, clock, commands, show, log, askForTheLastTime } = stageBreaker()
    const { generation } = context
    const at = clock.monotonic()
    const results = ['failure', 'failure', 'failure'] as const
    send({ type: 'export.reported', generation, results, at, jitter: 0, retryAfterMs: 7_000 })
    commands['asks urgently']()
    assert.deepEqual([show(), log.at(-1)], ['open', 'holder < permit.denied'])
    askForTheLastTime()
    assert.equal(log.at(-1), 'holder < a probe')
    commands.fails()
    assert.equal(show(), 'open')
    commands['asks urgently']()
    assert.equal(log.at(-1), 'holder < a probe', 'the failed probe was not asked to wait')
  })

  describe('after 401, 403 or 404', () => {
    it('waits as long as it may at once', () => {
      const { commands, clock } = stageBreaker()
      for (const command of ['asks', 'is misdirected'] as const) commands[command]()
      assert.equal(clock.nextTimerIn, settings.resetTimeoutMs)
    })

    it('lets one urgent request probe, and denies the others until its wait is over', () => {
      const { commands, show, log, clock } = stageBreaker()
      for (const command of misdirect) commands[command as 'asks']()
      commands['asks urgently']()
      assert.equal(log.at(-1), 'holder < a probe')
      commands['is misdirected']()
      for (let i = 0; i < 3; i += 1) {
        clock.increment(10_000)
        commands['asks urgently']()
        assert.deepEqual([show(), log.at(-1)], ['open', 'holder < permit.denied'])
      }
      clock.increment(30_000)
      commands['asks urgently']()
      assert.equal(log.at(-1), 'holder < a probe')
      commands['is misdirected']()
      clock.increment(1)
      commands['asks urgently']()
      assert.equal(log.at(-1), 'holder < a probe', 'a wait that is over allows another urgent probe')
    })

    it('lets everybody wait who is not urgent', () => {
      const { commands, show } = stageBreaker()
      for (const command of [...misdirect, 'asks urgently', 'is misdirected', 'asks'])
        commands[command as 'asks']()
      assert.equal(show(), 'open, awaited')
    })
  })

  describe('waits before a probe', () => {
    /** The wait after each of several failures, the first of which opens it. */
    const waits = (
      probesAfterMs: readonly number[],
      { jitter = 0, ...changed }: Partial<typeof settings> & { jitter?: number } = {},
    ): number[] => {
      const { clock, send, context: _, ...stage } = stageBreaker({ settings: { ...settings, ...changed } })
      const fail = (): void =>
        send({
          type: 'export.reported',
          generation: generation(),
          results: Array(3).fill('failure'),
          at: clock.monotonic(),
          jitter,
        })
      const generation = (): number =>
        (stage.actor.getSnapshot() as { context: { generation: number } }).context.generation
      fail()
      const seen = [clock.nextTimerIn ?? Number.NaN]
      for (const ms of probesAfterMs) {
        clock.increment(ms)
        stage.commands.asks()
        stage.commands['asks urgently']()
        fail()
        seen.push(clock.nextTimerIn ?? Number.NaN)
      }
      return seen
    }

    it('a second at first, then an eighth of the outage so far, a minute at most', () => {
      assert.deepEqual(waits([1_000, 9_000, 70_000, 600_000]), [1_000, 1_000, 1_250, 10_000, 60_000])
    })

    it('up to a fifth less, by chance', () => {
      assert.deepEqual(waits([79_000], { jitter: 0.5 }), [900, (79_000 / 8) * 0.9])
      fc.assert(
        fc.property(
          fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
          fc.integer({ min: 0, max: 5_000_000 }),
          (jitter, outage) => {
            const [, wait = 0] = waits([outage], { jitter })
            const longest = Math.min(Math.max(outage / 8, 1_000), 60_000)
            assert.ok(wait >= longest * 0.8 - 1 && wait <= longest + 1, `${wait} after ${outage}`)
          },
        ),
        { numRuns: 200 },
      )
    })

    it('never longer than the longest, even if that is shorter than the shortest', () => {
      assert.deepEqual(waits([600_000], { resetTimeoutMs: 200 }), [200, 200])
    })

    it('anew for each outage', () => {
      const { commands, clock } = stageBreaker()
      for (const command of trip) commands[command as 'asks']()
      clock.increment(400_000)
      commands.asks()
      commands.succeeds()
      clock.increment(400_000)
      commands.asks()
      commands['fails three times at once']()
      assert.equal(clock.nextTimerIn, 1_000)
    })
  })
})

describe('the tests of the breaker chart', () => coversChart(breakerMachine))
