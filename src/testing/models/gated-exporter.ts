import assert from 'node:assert/strict'
import type { AnyExporterDefinition, Config, ExportContext, OpenContext } from '../../exporters/exporter.ts'
import type { Outcome } from '../../exporters/outcome.ts'

/** An exporter type whose openings and attempts wait for a test to let them through to the real definition. */
export interface GatedExporter {
  readonly definition: AnyExporterDefinition
  /** From now on openings wait. */
  close(): void
  /** From now on nothing waits, and what waits goes on. */
  open(): void
  /** The newest opening goes on. */
  letOpen(): void
  failOpen(error: Error): void
  /** The next attempt waits. */
  holdNext(): void
  /** An attempt waits. */
  readonly holds: boolean
  /** The attempt that waits goes on; resolves with its outcome. */
  letExport(): Promise<Outcome>
  /** Calls of the real definition under way. */
  readonly busy: number
  /** Clients opened and not closed. */
  readonly clients: number
}

interface Gate {
  readonly passed: Promise<void>
  pass(): void
  fail(error: Error): void
}

function createGate(signal: AbortSignal): Gate {
  let pass = (): void => {}
  let fail = (_error: Error): void => {}
  const passed = new Promise<void>((resolve, reject) => {
    pass = resolve
    fail = reject
  })
  signal.addEventListener('abort', () => fail(new Error('aborted while the test held it')))
  return { passed, pass, fail }
}

export function gateExporter(inner: AnyExporterDefinition): GatedExporter {
  const openings: Gate[] = []
  let isClosed = false
  let holdsNext = false
  let held: { readonly gate: Gate; readonly outcome: Promise<Outcome> } | undefined
  let busy = 0
  let clients = 0

  const real = async <Result>(work: () => Result | Promise<Result>): Promise<Result> => {
    busy += 1
    try {
      return await work()
    } finally {
      busy -= 1
    }
  }
  const newest = (): Gate => {
    const gate = openings.pop()
    assert.ok(gate, 'a client is being opened')
    return gate
  }

  const definition: AnyExporterDefinition = {
    ...inner,
    async open(config: Config, context: OpenContext<unknown>) {
      if (isClosed) {
        const gate = createGate(context.signal)
        openings.push(gate)
        await gate.passed
      }
      const client: unknown = await real(() => inner.open(config, context))
      clients += 1
      return client
    },
    async export(client: unknown, batch: readonly unknown[], context: ExportContext<unknown>) {
      const send = (): Promise<Outcome> =>
        real(() => inner.export?.(client, batch, context) as Promise<Outcome>)
      if (!holdsNext) return send()
      holdsNext = false
      const gate = createGate(context.signal)
      const outcome = gate.passed.then(send)
      held = { gate, outcome }
      return outcome.finally(() => {
        held = undefined
      })
    },
    async close(client: unknown, context: { readonly deadline: number }) {
      await real(() => inner.close(client, context))
      clients -= 1
    },
  }

  return {
    definition,
    close: () => {
      isClosed = true
    },
    open() {
      isClosed = false
      for (const gate of openings.splice(0)) gate.pass()
      held?.gate.pass()
    },
    letOpen: () => newest().pass(),
    failOpen: (error) => newest().fail(error),
    holdNext: () => {
      holdsNext = true
    },
    get holds() {
      return held !== undefined
    },
    letExport() {
      assert.ok(held, 'an attempt waits')
      held.gate.pass()
      return held.outcome
    },
    get busy() {
      return busy
    },
    get clients() {
      return clients
    },
  }
}
