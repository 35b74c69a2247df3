import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import type { LedgerStatus } from '../../../src/delivery/ledger.ts'
import { readIdentity, type StreamIdentity } from '../../../src/nats/fleet/identity.ts'
import { createTelemetryStream } from '../../../src/nats/gateway/stream.ts'
import { connectTo } from '../../../src/nats-client/connection.ts'
import { decodeTraceRequest } from '../../../src/testing/otlp-decode.ts'
import { startNats } from '../../support/nats-server.ts'
import { killProcess, startProcess } from './start.ts'

const stream = 'telemachine_otel'

/** A backend that knows each span it has, and how many came again. */
async function startSink() {
  const spans = new Set<string>()
  let duplicates = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      for (const { scopeSpans } of decodeTraceRequest(Buffer.concat(chunks)).resourceSpans)
        for (const scope of scopeSpans)
          for (const { spanId } of scope.spans) {
            if (spans.has(spanId)) duplicates += 1
            spans.add(spanId)
          }
      response.end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    duplicates: () => duplicates,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** What became of all spans. Ledgers count in events, two for each span. */
export interface IdentityResult {
  readonly emitted: number
  readonly received: number
  readonly duplicates: number
  /** The weight of all producers and of all gateways, those that were killed included as far as they told. */
  readonly ambiguous: { readonly producers: number; readonly gateways: number }
  readonly producers: { readonly delivered: number; readonly dropped: number; readonly published: number }
  readonly stream: StreamIdentity
  readonly kills: number
}

/**
 * Producers publish, gateways send, and both gateways and the NATS server are killed again and again, until every span has
 * been published and the stream is empty.
 */
export async function runIdentity(options: {
  readonly spans: number
  readonly producers: number
  readonly gateways: number
  readonly killEveryMs: number
  /** After so long, what a killed gateway had goes to another. */
  readonly ackWaitMs: number
  readonly random: () => number
}): Promise<IdentityResult> {
  const { producers, gateways, killEveryMs, random } = options
  const each = Math.floor(options.spans / producers)
  const [server, sink] = await Promise.all([startNats(), startSink()])
  const connection = await connectTo({ servers: server.url, name: 'judge' })
  await createTelemetryStream(connection, stream, {}, options.ackWaitMs)
  /** By process: the latest that each gateway told. */
  const ledgers = new Map<ChildProcess, LedgerStatus>()
  const startGateway = (): ChildProcess => {
    const child = startProcess('gateway', server.url, sink.url)
    child.on('message', (told: LedgerStatus) => {
      if ('accepted' in told) ledgers.set(child, told)
    })
    return child
  }
  const running = Array.from({ length: gateways }, startGateway)
  const published = Array.from({ length: producers }, () =>
    startProcess('producer', server.url, String(each)),
  )
  const told = published.map(async (child) => {
    const [status] = (await once(child, 'message')) as [
      { ledger: LedgerStatus; client: { published: number } },
    ]
    await killProcess(child)
    return status
  })
  let finished = false
  let kills = 0
  const killing = (async () => {
    while (!finished) {
      await after(killEveryMs * (0.5 + random()))
      if (finished) break
      kills += 1
      const victim = Math.floor(random() * (gateways + 1))
      if (victim === gateways) {
        await server.kill()
        await server.restart()
      } else {
        await killProcess(running[victim]!)
        const heir = startGateway()
        running[victim] = heir
        // Killed before it works, it would show nothing; on a busy machine no work would ever be done.
        await Promise.race([once(heir, 'message'), once(heir, 'exit')])
      }
    }
  })()
  const statuses = await Promise.all(told)
  finished = true
  await killing
  const identity = async (): Promise<StreamIdentity | undefined> =>
    readIdentity(connection, stream, []).catch(() => undefined)
  let now = await identity()
  while (now === undefined || now.pending > 0) {
    await after(100)
    now = await identity()
  }
  await after(100)
  await Promise.all(running.map(killProcess))
  await connection.close()
  await server.close()
  sink.close()
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
  return {
    emitted: each * producers,
    received: sink.spans.size,
    duplicates: sink.duplicates(),
    ambiguous: {
      producers: sum(statuses.map(({ ledger }) => ledger.ambiguous)),
      gateways: sum([...ledgers.values()].map(({ ambiguous }) => ambiguous)),
    },
    producers: {
      delivered: sum(statuses.map(({ ledger }) => ledger.delivered)),
      dropped: sum(statuses.flatMap(({ ledger }) => Object.values(ledger.dropped))),
      published: sum(statuses.map(({ client }) => client.published)),
    },
    stream: now,
    kills,
  }
}
