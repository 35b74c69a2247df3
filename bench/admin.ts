// What an open live page costs a service that emits 20,000 events a second: the time `emit` takes and the CPU of the
// whole process, with a reader of the event stream in another process and without, in alternating windows.
// Run: npx tsx bench/admin.ts
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createAdmin } from '../src/admin/index.ts'
import { createTelemetry, otel, prometheus } from '../src/index.ts'
import { createBackend } from '../src/testing/index.ts'

const perSecond = 20_000
const tickMs = 5
const windowMs = 1_000
const pairs = 8

const child = (role: string, ...args: string[]): ChildProcess =>
  fork(fileURLToPath(import.meta.url), [role, ...args])

/** A collector in a process of its own. */
async function sink(): Promise<void> {
  const backend = createBackend({ decode: 'count', logLimit: 1 })
  await backend.listen()
  process.send!(backend.url)
}

/** The page, as far as the service can tell: it reads all that comes. */
async function reader(url: string): Promise<void> {
  const response = await fetch(url)
  process.send!('reading')
  for await (const _chunk of response.body!);
}

async function measure(): Promise<void> {
  const collector = child('sink')
  const [endpoint] = (await once(collector, 'message')) as [string]
  const telemetry = createTelemetry({
    types: [otel(), prometheus()],
    config: { env: {}, init: { otel: { endpoint }, prometheus: { port: 0 } } },
  })
  await telemetry.start()
  const admin = createAdmin(telemetry, { allowUnauthenticatedLoopback: true })
  const { url } = await admin.listen()

  let job = 0
  const window = async (): Promise<{ emitNs: number; cpuMs: number }> => {
    const cpu = process.cpuUsage()
    const began = performance.now()
    let emitting = 0
    let emitted = 0
    while (performance.now() - began < windowMs) {
      const due = Math.floor(((performance.now() - began) * perSecond) / 2000)
      const from = performance.now()
      for (; emitted < due; emitted++) {
        job += 1
        telemetry.emit('job.start', {}, { correlation_id: job, queue: 'mail' })
        telemetry.emit('job.success', { duration_ms: 1.5 }, { correlation_id: job, queue: 'mail', ok: true })
      }
      emitting += performance.now() - from
      await pause(tickMs)
    }
    const { user, system } = process.cpuUsage(cpu)
    return { emitNs: (emitting * 1e6) / (emitted * 2), cpuMs: (user + system) / 1000 }
  }

  const followed = async (): Promise<Awaited<ReturnType<typeof window>>> => {
    const page = child('reader', `${url}events`)
    await once(page, 'message')
    const result = await window()
    page.kill()
    await once(page, 'exit')
    await pause(50)
    return result
  }

  await window()
  const alone: Awaited<ReturnType<typeof window>>[] = []
  const watched: typeof alone = []
  for (let i = 0; i < pairs; i++) {
    // The order changes: what drifts hits both.
    if (i % 2) alone.push(await window())
    watched.push(await followed())
    if (i % 2 === 0) alone.push(await window())
  }
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
  const report = (what: string, unit: string, of: (one: (typeof alone)[number]) => number): void => {
    const [without, beside] = [median(alone.map(of)), median(watched.map(of))]
    console.log(
      `${what}: ${without.toFixed(0)} ${unit} alone, ${beside.toFixed(0)} ${unit} with the page open, ratio ${(beside / without).toFixed(3)}`,
    )
  }
  report('emit', 'ns per event', ({ emitNs }) => emitNs)
  report(`process at ${perSecond} events/s`, 'ms CPU per s', ({ cpuMs }) => cpuMs)

  await admin.close()
  await telemetry.stop()
  collector.kill()
}

const [role = 'measure', address = ''] = process.argv.slice(2)
await { sink, reader: () => reader(address), measure }[role]!()
