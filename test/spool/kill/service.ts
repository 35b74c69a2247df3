/**
 * A service that emits spans until it is killed. It tells its parent on its standard output, line by line, which spans
 * are in files that are synced, and what its ledger says before each request leaves.
 */
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

const [directory = '', endpoint = '', first = '0', rate = '0'] = process.argv.slice(2)

const tell = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const numberOf = (attributes: readonly unknown[]): number => attributes[attributes.indexOf('n') + 1] as number

/** Spans by the file they were written to, until it has its name for good. */
const written = new Map<string, number[]>()
const renamed: number[][] = []
const disk: Disk = {
  ...systemDisk,
  async write(path, content, synced) {
    const facts = factsOf(basename(path).replace('.part', ''))
    await systemDisk.write(path, content, synced)
    if (!facts) return
    const { packed } = decodeContent(Buffer.from(content), facts)
    written.set(
      path,
      itemsOfRequest(packed).map((item) => numberOf(decodeSpan(item).attributes)),
    )
  },
  async rename(from, to) {
    await systemDisk.rename(from, to)
    const spans = written.get(from)
    if (spans) renamed.push(spans)
    written.delete(from)
  },
  async sync(path) {
    const before = renamed.splice(0)
    await systemDisk.sync(path)
    for (const synced of before) tell({ synced })
  },
}

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
          event_patterns: ['work.*'],
          spool: { directory, mode: 'always' },
        },
      },
      env: {},
    },
    logger: quietLogger,
  },
  wireSystem(),
  disk,
)
const ledger = () => telemetry.status().exporters.otel!.ledger

await telemetry.start()
tell({ ready: true })
let n = Number(first)
const timer = setInterval(() => {
  for (let i = 0; i < Number(rate); i += 1) {
    telemetry.emit('work.start', {}, { correlation_id: n, n })
    telemetry.emit('work.success', {}, { correlation_id: n })
    n += 1
  }
  assertExact(ledger())
  if (Number(rate) > 0 || ledger().pending.spooled === undefined || totalPending(ledger()) > 0) return
  clearInterval(timer)
  void telemetry.stop().then(({ exporters }) => tell({ ledger: exporters.otel }))
}, 10)
