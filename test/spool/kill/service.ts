import { writeSync } from 'node:fs'
import { basename } from 'node:path'
import { wireSystem } from '../../../src/control/effects.ts'
import { decodeContent } from '../../../src/delivery/spool/content.ts'
import { type Disk, systemDisk } from '../../../src/delivery/spool/disk.ts'
import { factsOf } from '../../../src/delivery/spool/file-name.ts'
import type { AnyExporterDefinition } from '../../../src/exporters/exporter.ts'
import { decodeSpan } from '../../../src/exporters/otel/decode.ts'
import { otel } from '../../../src/exporters/otel/index.ts'
import { itemsOfRequest } from '../../../src/exporters/otel/restored-item.ts'
import { assembleTelemetry } from '../../../src/telemetry.ts'
import { assertExact, totalPending } from '../../support/ledger.ts'
import { quietLogger } from '../../support/quiet-logger.ts'
import type { Life, Told } from './contract.ts'

const tell = (line: Told): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const numberOf = (attributes: readonly unknown[]): number => attributes[attributes.indexOf('n') + 1] as number

/** A disk that tells which spans are in files that are on it for good. */
function tellingOf(disk: Disk): Disk {
  /** Spans by the file they were written to, until it has its name for good. */
  const written = new Map<string, number[]>()
  const renamed: number[][] = []
  return {
    ...disk,
    async write(path, content, synced) {
      const facts = factsOf(basename(path).replace('.part', ''))
      await disk.write(path, content, synced)
      if (!facts) return
      const { packed } = decodeContent(Buffer.from(content), facts)
      written.set(
        path,
        itemsOfRequest(packed).map((item) => numberOf(decodeSpan(item).attributes)),
      )
    },
    async rename(from, to) {
      await disk.rename(from, to)
      const spans = written.get(from)
      if (spans) renamed.push(spans)
      written.delete(from)
    },
    async sync(path) {
      const before = renamed.splice(0)
      await disk.sync(path)
      for (const synced of before) tell({ synced })
    },
  }
}

/**
 * A service that emits spans until it is killed, or without a `rate` until everything is delivered. It tells its parent
 * on its standard output, line by line, which spans are in files that are synced, and what its ledger says before each
 * request leaves.
 */
export async function serve({ directory, endpoint, first, rate }: Life, disk = systemDisk): Promise<void> {
  const driver = otel() as AnyExporterDefinition
  const telemetry = assembleTelemetry(
    {
      types: [
        {
          ...driver,
          export: (client, batch, context) => {
            tell({ ambiguous: ledger().ambiguous })
            return driver.export!(client, batch, context)
          },
        },
      ],
      config: {
        init: {
          otel: {
            endpoint,
            flush_interval: 0.1,
            batch_size: 100,
            timeout: 0.3,
            initial_reset_timeout: 0.05,
            reset_timeout: 0.2,
            // A slow machine is no reason to give a batch up.
            retry_attempts: 1000,
            event_patterns: ['work.*'],
            spool: { directory, mode: 'always' },
          },
        },
        env: {},
      },
      logger: quietLogger,
    },
    wireSystem(),
    tellingOf(disk),
  )
  const status = () => telemetry.status().exporters.otel!
  const ledger = () => status().ledger

  await telemetry.start()
  tell({ ready: true })
  let n = first
  let isOpen = false
  const timer = setInterval(() => {
    for (let i = 0; i < rate; i += 1) {
      telemetry.emit('work.start', {}, { correlation_id: n, n })
      telemetry.emit('work.success', {}, { correlation_id: n })
      n += 1
    }
    assertExact(ledger())
    if (!isOpen && status().spool?.state === 'ready') {
      isOpen = true
      tell({ restored: ledger().restored ?? 0 })
    }
    if (rate > 0 || !isOpen || totalPending(ledger()) > 0) return
    clearInterval(timer)
    void telemetry.stop().then(({ exporters }) => tell({ ledger: exporters.otel! }))
  }, 10)
}
