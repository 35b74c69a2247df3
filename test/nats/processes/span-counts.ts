import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeTraceRequest } from '../../../src/testing/otlp-decode.ts'

/** A backend that knows how often it has each span, by the producer's name and the span's number. */
export interface SpanCounts {
  readonly url: string
  /** How often a span has arrived. */
  of(producer: string, number: number): number
  /** Spans that have arrived, and arrivals beyond the first of each. */
  totals(): { readonly received: number; readonly duplicates: number }
  close(): void
}

export async function startSpanCounts(spansOfProducer: number): Promise<SpanCounts> {
  const counts = new Map<string, Uint8Array>()
  const countsOf = (producer: string): Uint8Array => {
    const known = counts.get(producer) ?? new Uint8Array(spansOfProducer)
    counts.set(producer, known)
    return known
  }
  const count = (body: Buffer): void => {
    for (const { resource, scopeSpans } of decodeTraceRequest(body).resourceSpans) {
      const known = countsOf(String(resource?.attributes['service.name']))
      for (const { spans } of scopeSpans)
        for (const { attributes } of spans) {
          const number = Number(attributes.n)
          known[number] = known[number]! + 1
        }
    }
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      count(Buffer.concat(chunks))
      response.end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    of: (producer, number) => counts.get(producer)?.[number] ?? 0,
    totals: () => {
      let received = 0
      let duplicates = 0
      for (const known of counts.values())
        for (const times of known) {
          if (times > 0) received += 1
          if (times > 1) duplicates += times - 1
        }
      return { received, duplicates }
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
