/**
 * Microseconds of CPU that inspection adds to one event of the control plane, in one run: `npx tsx bench/inspect.ts`.
 * Half of the events change a breaker's state, half do not. Telemetry events are no events of the control plane:
 * a whole batch of them, one per exporter and turn, is one. The watcher is another process, on loopback.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import { createActor, type InspectionEvent, type Observer } from 'xstate'
import { breakerMachine } from '../machines/index.ts'
import { createSafeInspector, watchInStately } from '../src/inspect/index.ts'

const rounds = 9
const turnsPerRound = 60
const eventsPerTurn = 100
const settings = { failureThreshold: 5, resetTimeoutMs: 60_000, probeTimeoutMs: 10_000 }

const watch = await watchInStately({ port: 0 })
const watched = await watchInStately({ port: 0 })
const wsFile = createRequire(createRequire(import.meta.url).resolve('@statelyai/inspect')).resolve('ws')
const watcher = spawn(
  process.execPath,
  [
    '-e',
    `const s = new (require(${JSON.stringify(wsFile)}))(process.argv[1]); s.on('open', () => console.log('open')); s.on('message', () => {})`,
    watched.url.replace('http', 'ws'),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
await once(watcher.stdout, 'data')

const variants: Readonly<Record<string, Observer<InspectionEvent> | undefined>> = {
  'no inspection': undefined,
  'observer that does nothing': { next: () => {} },
  createSafeInspector: createSafeInspector(() => {}),
  'watchInStately, nobody watching': watch,
  'watchInStately, one watcher': watched,
}

/** Microseconds per event, timers and socket writes included. */
async function measure(inspect: Observer<InspectionEvent> | undefined): Promise<number> {
  const actor = createActor(breakerMachine, { input: { settings }, inspect }).start()
  const before = process.cpuUsage()
  for (let n = 0; n < turnsPerRound; n += 1) {
    for (let event = 0; event < eventsPerTurn; event += 4) {
      actor.send({ type: 'breaker.force_open' })
      actor.send({ type: 'breaker.configure', settings })
      actor.send({ type: 'breaker.reset' })
      actor.send({ type: 'permit.withdraw' })
    }
    await turn()
    await turn()
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  const { user, system } = process.cpuUsage(before)
  actor.stop()
  return (user + system) / (turnsPerRound * eventsPerTurn)
}

const results = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]))
for (const inspect of Object.values(variants)) await measure(inspect)
for (let round = 0; round < rounds; round += 1)
  for (const [name, inspect] of Object.entries(variants)) results.get(name)?.push(await measure(inspect))

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const base = median(results.get('no inspection') ?? [])
for (const [name, values] of results)
  console.log(
    `${name.padEnd(34)} ${median(values).toFixed(1).padStart(6)} µs  +${(median(values) - base).toFixed(1)}`,
  )

watcher.kill()
await Promise.all([watch.close(), watched.close()])
