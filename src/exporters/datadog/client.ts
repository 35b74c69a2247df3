import type { ExportContext } from '../exporter.ts'
import type { Outcome } from '../outcome.ts'
import type { State } from './aggregate/contexts.ts'
import { hasArrived, type MetricItem } from './item.ts'
import type { DatadogConfig } from './schema.ts'

/** Two ways to the same backend; which one is a key of the configuration. */
export interface DatadogClient {
  /** Sends what is pending of the items and marks them; what it returns stopped it, or undefined when all was tried. */
  send(
    batch: readonly MetricItem[],
    context: ExportContext<State, DatadogConfig>,
  ): Promise<Outcome | undefined>
  /** One request without values. Missing where nothing would answer. */
  probe?(context: ExportContext<State, DatadogConfig>): Promise<Outcome>
  close(): Promise<void>
  /** Facts for the status. */
  readonly facts: Readonly<Record<string, unknown>>
}

/**
 * One attempt. The two endpoints of one batch may answer differently, and an Outcome speaks of the whole batch: when
 * the marks of its items differ, it is given back as `too_large` to be halved until they agree, and the halves are
 * settled from their marks, without another request.
 */
export async function exportItems(
  client: DatadogClient,
  batch: readonly MetricItem[],
  context: ExportContext<State, DatadogConfig>,
): Promise<Outcome> {
  for (const item of batch)
    if (item.fate?.type === 'misdirected' && item.judge !== client) item.fate = undefined
  const settledBefore = verdict(batch)
  if (settledBefore) return settledBefore
  const before = partsArrived(batch)
  const stopped = await client.send(batch, context)
  for (const item of batch) item.judge = client
  if (!stopped) return verdict(batch) ?? halved(batch)
  // Parts that arrived are not sent again, but the batch waits as a whole, and may be dropped as a whole.
  const some = partsArrived(batch) > before
  return stopped.type === 'retry' && some ? { ...stopped, ambiguous: true } : stopped
}

/** The halves may yet be dropped, before they could say what has arrived. */
const halved = (batch: readonly MetricItem[]): Outcome => ({
  type: 'too_large',
  ambiguous: batch.some(hasArrived),
})

const partsArrived = (batch: readonly MetricItem[]): number =>
  batch.reduce((sum, { arrived }) => sum + Number(arrived.series) + Number(arrived.distribution), 0)

/** The outcome that the marks of all items agree on; undefined while one is pending, or where they differ. */
function verdict(batch: readonly MetricItem[]): Outcome | undefined {
  let arrived = 0
  while (arrived < batch.length && hasArrived(batch[arrived]!)) arrived++
  if (arrived === batch.length) return { type: 'delivered' }
  const rest = batch.slice(arrived)
  const fate = rest[0]!.fate
  if (!fate || !rest.every((item) => item.fate?.type === fate.type)) {
    const settled = batch.every((item) => item.fate !== undefined || hasArrived(item))
    return settled ? halved(batch) : undefined
  }
  if (arrived === 0) return fate.type === 'too_large' && batch.length > 1 ? halved(batch) : fate
  return fate.type === 'refused' && !fate.unhealthy
    ? { type: 'delivered', rejected: rest.length }
    : halved(batch)
}
