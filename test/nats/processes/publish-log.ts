import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { jetstream } from '../../../src/exporters/jetstream/index.ts'
import type { Outcome } from '../../../src/exporters/outcome.ts'

/** What a producer that may be killed at any moment knows of a batch: its spans, by the order they were emitted in. */
export interface LoggedBatch {
  readonly first: number
  readonly count: number
  /** Attempts without an answer; the last one too, if the producer was killed during it. */
  readonly ambiguous: number
  /** The stream has answered that it has it. */
  readonly isStored: boolean
}

/**
 * The exporter type `jetstream`, which writes each attempt to a file before it is made, and each outcome before the exporter
 * hears of it: what is in the file survives the process.
 */
export function loggingJetstream(file: string): ReturnType<typeof jetstream> {
  const inner = jetstream()
  const numbers = new WeakMap<object, number>()
  let next = 0
  return {
    ...inner,
    export: async (client, batch, context) => {
      for (const item of batch as object[])
        if (!numbers.has(item)) {
          numbers.set(item, next)
          next += 1
        }
      const name = `${numbers.get(batch[0] as object)} ${batch.length}`
      appendFileSync(file, `attempt ${name}\n`)
      const outcome = (await inner.export!(client, batch, context)) as Outcome
      appendFileSync(
        file,
        `${'ambiguous' in outcome && outcome.ambiguous ? 'ambiguous' : outcome.type} ${name}\n`,
      )
      return outcome
    },
  } as ReturnType<typeof jetstream>
}

/** Reads what a producer has written until now. */
export function readPublishLog(file: string): LoggedBatch[] {
  const found = new Map<
    string,
    { first: number; count: number; ambiguous: number; isStored: boolean; open: number }
  >()
  // The last line may be cut off.
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  for (const line of lines) {
    const [what, first = '', count = ''] = line.split(' ')
    const name = `${first} ${count}`
    const batch = found.get(name) ?? {
      ...{ first: Number(first), count: Number(count), ambiguous: 0, isStored: false, open: 0 },
    }
    found.set(name, batch)
    if (what === 'attempt') batch.open += 1
    else {
      batch.open -= 1
      if (what === 'ambiguous') batch.ambiguous += 1
      if (what === 'delivered') batch.isStored = true
    }
  }
  return [...found.values()].map(({ open, ambiguous, ...batch }) => ({
    ...batch,
    ambiguous: ambiguous + open,
  }))
}
