/**
 * Nanoseconds per span of our encoder and of the package's serializer, in one run: `npx tsx bench/encode.ts`.
 * Spans have a parent and 4 attributes; names and keys repeat, one string value of each span never does.
 */
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { createEncoder } from '../src/exporters/otel/encode/encode.ts'
import { createSpanSlabs } from '../src/exporters/otel/encode/span-slabs.ts'
import { noEvents, noLinks, type SpanRecord } from '../src/exporters/otel/span-record.ts'
import { toReadableSpans } from '../test/exporters/otel/readable-span.ts'

const batchSize = 512
const distinctBatches = 20
const rounds = 9
const spansPerRound = 50_000

const resource = {
  attributes: {
    'service.name': 'bench',
    'host.name': 'host-1',
    'process.pid': 4711,
    'telemetry.sdk.language': 'nodejs',
  },
}
const scope = { name: 'telemachine', version: '0.1.0' }

const randomWord = (): number => (Math.random() * 2 ** 32) | 0

function makeRecord(index: number): SpanRecord {
  const startTime = Date.now() + index / 7
  return {
    name: 'db.query',
    kind: 1,
    traceId: { w0: randomWord(), w1: randomWord(), w2: randomWord(), w3: randomWord() },
    spanHigh: randomWord(),
    spanLow: randomWord(),
    parentHigh: randomWord(),
    parentLow: randomWord() | 1,
    traceState: '',
    flags: 0x101,
    startTime,
    endTime: startTime + Math.random() * 100,
    // biome-ignore format: pairs
    attributes: [
      'duration_ms', Math.random() * 100,
      'http.route', '/users/:id/orders',
      'retries', index % 5,
      'request', `req-${randomWord()}-${index}`,
    ],
    droppedAttributesCount: 0,
    events: noEvents,
    droppedEventsCount: 0,
    links: noLinks,
    droppedLinksCount: 0,
    statusCode: 0,
    statusMessage: '',
  }
}

const batches = Array.from({ length: distinctBatches }, () =>
  Array.from({ length: batchSize }, (_, index) => makeRecord(index)),
)
const readable = batches.map((batch) => toReadableSpans(batch, { resource, scope }))
const encoder = createEncoder({ resource, scope })
const slabs = createSpanSlabs()

let bytes = 0

function nanosecondsPerSpan(encodeBatch: (index: number) => number): number {
  const start = process.hrtime.bigint()
  let spans = 0
  for (let i = 0; spans < spansPerRound; i++, spans += batchSize) bytes += encodeBatch(i % distinctBatches)
  return Number(process.hrtime.bigint() - start) / spans
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!

const ours: number[] = []
const theirs: number[] = []
for (let round = 0; round < rounds; round++) {
  // As an export does it: each span when it finishes, then the request.
  ours.push(nanosecondsPerSpan((i) => encoder.encode(batches[i]!.map(slabs.encode)).length))
  theirs.push(nanosecondsPerSpan((i) => ProtobufTraceSerializer.serializeRequest(readable[i]!)!.length))
}
const [own, packages] = [median(ours), median(theirs)]
console.log(`ours     ${own.toFixed(0).padStart(6)} ns/span`)
console.log(`package  ${packages.toFixed(0).padStart(6)} ns/span`)
console.log(`ratio    ${(own / packages).toFixed(3).padStart(6)}   (${(bytes / 1e6).toFixed(0)} MB encoded)`)
