import assert from 'node:assert/strict'
import { TelemetryConfigError } from '../../errors.ts'
import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import type { ConformanceOptions, ConformancePath, ConformanceTable } from './contract.ts'
import { hostileFields, hostileNames } from './hostile.ts'
import { createSubject, type Subject } from './subject.ts'

/**
 * Leads an exporter type through its life - start, delivery, flush, disabling, change of client under load, refused
 * change, outage, crash, stops, hostile events - and asserts after each step that its ledger adds up, at the end
 * that every client is closed. It runs on real time against a real backend, some seconds in all, and knows no test
 * framework; paths that need what the options do not give are left out.
 *
 * @example
 * const backend = createBackend()
 * before(() => backend.listen())
 * after(() => backend.close())
 * for (const { name, run } of exporterConformance(loki(), {
 *   config: () => ({ endpoint: backend.url }),
 *   events: (n) => [{ name: 'line', metadata: { n } }],
 * }))
 *   it(name, run)
 */
export function exporterConformance(
  definition: AnyExporterDefinition,
  options: ConformanceOptions,
): readonly ConformancePath[] {
  const { rebuilds, refused, breakBackend, repairBackend } = options
  const pulled = definition.export === undefined

  const path = (
    name: string,
    walk: (subject: Subject) => Promise<void>,
    settings: ConformanceTable = {},
  ): ConformancePath => ({
    name,
    async run() {
      const subject = createSubject(definition, options, settings)
      try {
        await walk(subject)
        await subject.finish()
      } finally {
        await subject.telemetry.stop({ timeoutMs: 1000 })
      }
    },
  })

  /** How soon attempts end at a backend that falls silent. */
  const impatient = { timeout: 1 }
  const outage = (walk: (subject: Subject) => Promise<void>) => async (subject: Subject) => {
    await subject.start()
    try {
      await walk(subject)
    } finally {
      await repairBackend?.()
    }
  }

  const paths = [
    path('starts, and describes itself, without an error', async (subject) => {
      await subject.start()
      assert.equal(subject.status().lastError, null)
      assert.equal(subject.clients, 1)
    }),

    path('delivers what it is given', async (subject) => {
      await subject.start()
      let events = 0
      for (let round = 0; round < 5; round += 1)
        await subject.step('emit', () => {
          events += subject.emit(10)
        })
      await subject.delivered(events)
    }),

    path(
      'flushes what would wait for more',
      async (subject) => {
        await subject.start()
        const events = subject.emit(3)
        await subject.step('emit')
        await subject.delivered(events)
      },
      { flush_interval: 3600 },
    ),

    path('is empty and closed while it is disabled, and serves again', async (subject) => {
      await subject.start()
      let events = subject.emit(10)
      await subject.step('disable', () => subject.put({ enabled: false }))
      await subject.until(() => subject.status().state === 'disabled', 'it is disabled')
      assert.equal(subject.status().ledger.delivered, events, 'it drained before it closed')
      assert.equal(subject.clients, 0)
      await subject.step('emit while disabled', () => subject.emit(5))
      assert.equal(subject.status().ledger.accepted, events, 'nothing is accepted while disabled')
      await subject.step('enable', () => subject.put({ enabled: true }))
      assert.equal(subject.status().state, 'serving')
      events += subject.emit(10)
      await subject.delivered(events)
    }),

    path('reopens under load and loses nothing', async (subject) => {
      await subject.start()
      let events = 0
      for (let round = 0; round < 3; round += 1) {
        events += subject.emit(20)
        await subject.step('restart', () => subject.telemetry.restart('subject'))
        events += subject.emit(5)
      }
      await subject.delivered(events)
      assert.equal(subject.clients, 1)
    }),

    path('is unimpressed by hostile events', async (subject) => {
      await subject.start()
      const emit = subject.telemetry.emit as (...args: unknown[]) => void
      const names = [...options.events(0).map(({ name }) => name), 'hostile.start', 'hostile.success']
      for (const [i, name] of [...names, ...hostileNames()].entries())
        await subject.step(`hostile event ${i}`, () => {
          for (const fields of hostileFields()) {
            emit(name, fields, {})
            emit(name, {}, fields)
            emit(name, fields, fields)
          }
        })
      await subject.telemetry.flush()
      await subject.step('flush')
      assert.equal(({} as { polluted?: unknown }).polluted, undefined)
      const { delivered } = subject.status().ledger
      const events = subject.emit(5)
      await subject.telemetry.flush()
      await subject.step('emit')
      assert.ok(subject.status().ledger.delivered >= delivered + events, 'what follows is delivered')
      assert.equal(subject.status().state, 'serving')
    }),

    path('comes back after a crash of its actor', async (subject) => {
      await subject.start()
      let events = subject.emit(10)
      await subject.step('crash', () => subject.crash())
      assert.equal(subject.status().state, 'restarting')
      events += subject.emit(10)
      await subject.step('emit while down')
      await subject.until(() => subject.status().state === 'serving', 'it serves again')
      events += subject.emit(10)
      await subject.delivered(events)
      assert.equal(subject.clients, 1)
    }),

    path('stops under load, and loses nothing when its backend works', async (subject) => {
      await subject.start()
      const events = subject.emit(200)
      const report = await subject.finish()
      assert.equal(report.complete, true)
      assert.equal(report.exporters.subject?.delivered, events)
    }),

    path('stops once, however often it is told', async (subject) => {
      await subject.start()
      subject.emit(1)
      const [first, second] = await Promise.all([subject.telemetry.stop(), subject.telemetry.stop()])
      assert.deepEqual(first, second)
      await subject.step('emit after the stop', () => subject.emit(1))
      assert.deepEqual(await subject.telemetry.stop(), first)
    }),

    path('may be stopped before it is open', async (subject) => {
      const starting = subject.begin().catch(() => {})
      await subject.until(() => 'subject' in subject.telemetry.status().exporters, 'it begins to open')
      await subject.telemetry.stop({ timeoutMs: 1000 })
      await starting
      await subject.until(() => subject.clients === 0, 'its client is closed')
    }),
  ]

  if (rebuilds)
    paths.push(
      path('moves from client to client under load and loses nothing', async (subject) => {
        await subject.start()
        let events = 0
        const changes = await rebuilds()
        for (const change of [...changes, ...changes]) {
          events += subject.emit(20)
          await subject.step(`change ${Object.keys(change)}`, () => subject.put(change))
          assert.equal(subject.status().state, 'serving')
          events += subject.emit(5)
        }
        await subject.delivered(events)
        await subject.until(() => subject.clients === 1, 'the old clients are closed')
      }),
    )

  if (refused)
    paths.push(
      path('goes on as before when a change cannot be opened', async (subject) => {
        await subject.start()
        const { config } = subject.status()
        let events = subject.emit(5)
        const change = await refused()
        await subject.step('refused change', () =>
          assert.rejects(subject.put(change), (error) => {
            assert.ok(error instanceof TelemetryConfigError)
            assert.equal(error.code, 'EXPORTER_REFUSED')
            return true
          }),
        )
        assert.deepEqual(subject.status().config, config)
        await subject.until(() => subject.status().state === 'serving', 'it serves')
        events += subject.emit(5)
        await subject.delivered(events)
        assert.equal(subject.clients, 1)
      }),
    )

  if (breakBackend && repairBackend && !pulled) {
    paths.push(
      path(
        'outlives an outage and delivers what waited',
        outage(async (subject) => {
          let events = subject.emit(10)
          await subject.delivered(events)
          await subject.step('outage', breakBackend)
          events += subject.emit(10)
          await subject.until(() => subject.status().breaker !== 'closed', 'its breaker opens')
          await subject.step('the breaker opens')
          events += subject.emit(10)
          await subject.step('recovery', repairBackend)
          const settled = (): boolean => subject.status().ledger.delivered === events
          await subject.until(settled, 'everything is delivered')
          await subject.delivered(events)
          assert.equal(subject.status().breaker, 'closed')
        }),
        impatient,
      ),
      path(
        'stops within its deadline during an outage, and counts what it loses',
        outage(async (subject) => {
          await subject.step('outage', breakBackend)
          const events = subject.emit(50)
          const stop = subject.telemetry.stop({ timeoutMs: 500 })
          let stopped = false
          void stop.then(() => {
            stopped = true
          })
          await subject.until(() => stopped, 'the stop is bounded', 2_000)
          const ledger = (await stop).exporters.subject
          assert.equal(ledger?.accepted, events)
          assert.equal((ledger?.delivered ?? 0) + (ledger?.dropped.shutdown ?? 0), events)
        }),
        impatient,
      ),
    )
  }
  return paths
}
