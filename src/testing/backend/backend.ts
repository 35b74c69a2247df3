import type { IncomingMessage, ServerResponse } from 'node:http'
import { TelemetryError } from '../../errors.ts'
import { encodeStatus } from '../otlp/response.ts'
import { type OtlpSignal, signalPaths } from '../otlp/signals.ts'
import { answer, answerSuccess, type Exchange, play } from './answers.ts'
import { createCertificate } from './certificate.ts'
import type { Backend, BackendOptions, BackendStats } from './contract.ts'
import { type ConnectionFault, createFaultPlan, type RequestFault, takes } from './faults.ts'
import { createListener } from './listener.ts'
import { createRecord } from './record.ts'
import { type BackendRequest, counterNames, formatOf, noItems, readBody } from './request.ts'
import { createWaiting } from './waiting.ts'

/** Makes a backend. Call `listen()` to open its port. */
export function createBackend(options: BackendOptions = {}): Backend {
  const { host = '127.0.0.1', limit = 100_000, logLimit = 100 } = options
  const {
    path = signalPaths.traces,
    logsPath = signalPaths.logs,
    metricsPath = signalPaths.metrics,
  } = options
  const signals = new Map<string | undefined, OtlpSignal>([
    [metricsPath, 'metrics'],
    [logsPath, 'logs'],
    [path, 'traces'],
  ])
  const limits = {
    maxRequestBytes: options.maxRequestBytes ?? 64 * 2 ** 20,
    decode: options.decode ?? 'full',
  }
  const tls = options.tls === true ? createCertificate() : options.tls
  const record = createRecord(limit, logLimit)
  const plan = createFaultPlan<RequestFault>()
  const handshakes = createFaultPlan<Extract<ConnectionFault, { type: 'slow_tls' }>>()
  const listeners = new Set<(request: BackendRequest) => void>()
  const waiting = createWaiting()
  let port = options.port ?? 0
  let refusing = false

  const listener = createListener({
    host,
    tls,
    onRequest: (request, response) => receive(request, response),
    holdConnection: () => {
      const slow = handshakes.next()
      return slow ? (slow.delayMs ?? Number.POSITIVE_INFINITY) : 0
    },
    onNotHttp: () => {
      record.count.requests += 1
      record.count.malformed += 1
      waiting.changed()
    },
    onConnections: waiting.changed,
  })

  const note = (request: IncomingMessage, seen: Partial<BackendRequest>): void => {
    const whole: BackendRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      bytes: 0,
      rawBytes: 0,
      ...noItems,
      accepted: 0,
      status: undefined,
      fault: undefined,
      ...seen,
    }
    record.log(whole)
    for (const tell of listeners) tell(whole)
    waiting.changed()
  }

  const receive = (request: IncomingMessage, response: ServerResponse): void => {
    const format = formatOf(request.headers['content-type']) ?? 'protobuf'
    const wire = request.socket
    const signal = signals.get(request.url?.split('?')[0])
    const exchange: Exchange = {
      ...{ response, format, signal: signal ?? 'traces', wire },
      reset: () => listener.reset(wire),
    }
    record.count.requests += 1
    request.on('error', () => {})
    response.on('error', () => {})

    const refuse = (status: number, problem: string, seen: Partial<BackendRequest> = {}): void => {
      if (status === 400 || status === 415) record.count.malformed += 1
      answer(exchange, status, encodeStatus(format, problem), status === 405 ? { allow: 'POST' } : {})
      note(request, { ...seen, status })
    }
    if (signal === undefined) {
      refuse(404, `not found: ${request.url}`)
      return
    }
    if (request.method !== 'POST') {
      refuse(405, 'POST only')
      return
    }

    const fault = plan.next()
    if (fault && 'when' in fault && fault.when === 'before') {
      note(request, { status: play(fault, exchange, () => {}), fault })
      return
    }
    const cut = fault && 'when' in fault && fault.when === 'during' ? fault : undefined
    const chunks: Buffer[] = []
    let bytes = 0
    let refused = false
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (refused) return
      if (cut) {
        refused = true
        request.pause()
        play(cut, exchange, () => {})
        note(request, { bytes, fault: cut })
      } else if (bytes > limits.maxRequestBytes) {
        refused = true
        chunks.length = 0
        refuse(413, `longer than ${limits.maxRequestBytes} bytes`, { bytes })
      } else chunks.push(chunk)
    })
    request.on('end', () => {
      if (!refused) settle(request, exchange, Buffer.concat(chunks), fault, refuse)
    })
  }

  const settle = (
    request: IncomingMessage,
    exchange: Exchange,
    body: Buffer,
    planned: RequestFault | undefined,
    refuse: (status: number, problem: string, seen?: Partial<BackendRequest>) => void,
  ): void => {
    const { signal } = exchange
    const read = readBody(body, signal, request.headers, limits)
    // A backend that is down does not judge what it is sent; one that works does.
    const decoded = 'problem' in read ? undefined : read
    const seen = { bytes: body.length, rawBytes: 0, ...noItems, ...decoded }
    const counter = counterNames[signal]
    const itemCount = seen[counter]
    let fault = planned
    if (fault?.type === 'choose' && decoded) {
      const asked = request.url ?? ''
      const blank = { method: 'POST', path: asked, headers: request.headers, accepted: 0, status: undefined }
      fault = fault.choose({ ...blank, ...seen, fault })
    }
    if ('problem' in read && (!fault || takes(fault))) {
      refuse(read.status, read.problem, seen)
      return
    }

    record.count.received += itemCount
    const rejected = fault?.type === 'partial' ? Math.min(Math.max(fault.rejected, 0), itemCount) : 0
    const accepted = !fault || takes(fault) ? itemCount - rejected : 0
    record.count.rejected += rejected
    record.count[counter] += accepted
    record.keep(seen, accepted)
    const counters = record.count
    const answered = (): void => {
      counters.answered += accepted
      waiting.changed()
    }
    if (fault) note(request, { ...seen, accepted, status: play(fault, exchange, answered), fault })
    else {
      answerSuccess(exchange)
      answered()
      note(request, { ...seen, accepted, status: 200 })
    }
  }

  const listen = async (): Promise<void> => {
    await listener.listen(port)
    port = listener.port
    refusing = false
  }

  const untilAccepted =
    (counter: (typeof counterNames)[OtlpSignal], items: string) =>
    (wanted: number, timeoutMs = 5000): Promise<void> =>
      waiting.until(
        () => record.count[counter] >= wanted,
        timeoutMs,
        () => `${record.count[counter]} ${items} accepted of ${wanted}, ${record.count.received} received`,
      )

  const origin = (): string =>
    `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`

  const stats = (): BackendStats => {
    const { answered, ...counters } = record.count
    const { spanCount, logRecordCount, pointCount } = counters
    return {
      ...counters,
      acceptedWithoutAnswer: spanCount + logRecordCount + pointCount - answered,
      connections: listener.open,
      connectionsTotal: listener.total,
    }
  }
  const figures = Object.keys(stats()) as (keyof BackendStats)[]

  const backend = {
    get url() {
      return origin() + path
    },
    get logsUrl() {
      return origin() + logsPath
    },
    get metricsUrl() {
      return origin() + metricsPath
    },
    get port() {
      return port
    },
    certificate: tls?.cert?.toString(),
    spans: record.spans,
    logRecords: record.logRecords,
    points: record.points,
    log: record.requests,
    stats,
    listen,
    reopen: listen,
    close: () => {
      refusing = false
      return listener.close()
    },
    fault: (fault, { times } = {}) => {
      if (fault.type === 'refuse') {
        if (times !== undefined)
          throw new TelemetryError(
            'TESTING_FAULT_INVALID',
            'the fault refuse takes no times: it lasts until clear(), because the backend does not see refused connections',
          )
        refusing = true
        void listener.close()
      } else if (fault.type === 'slow_tls') {
        if (!tls) throw new TelemetryError('TESTING_FAULT_INVALID', 'slow_tls needs a backend with tls')
        handshakes.add(fault, times)
      } else plan.add(fault, times)
    },
    clear: async () => {
      plan.clear()
      handshakes.clear()
      if (refusing) await listen()
    },
    forget: () => {
      record.forget()
    },
    onRequest: (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    cutConnections: () => listener.cut(),
    waitFor: (holds, timeoutMs = 5000) =>
      waiting.until(holds, timeoutMs, () => `not yet, with ${JSON.stringify(stats())}`),
    waitForSpans: untilAccepted('spanCount', 'spans'),
    waitForLogRecords: untilAccepted('logRecordCount', 'log records'),
    waitForPoints: untilAccepted('pointCount', 'data points'),
    waitForRequests: (requests, timeoutMs = 5000) =>
      waiting.until(
        () => record.count.requests >= requests,
        timeoutMs,
        () => `${record.count.requests} requests of ${requests}`,
      ),
  } satisfies Omit<Backend, keyof BackendStats>
  const getters = figures.map((name) => [name, { get: () => stats()[name], enumerable: true }])
  return Object.defineProperties(backend, Object.fromEntries(getters)) as typeof backend & BackendStats
}
