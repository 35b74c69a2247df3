import type { IncomingMessage, ServerResponse } from 'node:http'
import { TelemetryError } from '../errors.ts'
import { answer, answerSuccess, type Exchange, play } from './backend/answers.ts'
import { createCertificate } from './backend/certificate.ts'
import type { Backend, BackendOptions } from './backend/contract.ts'
import { type ConnectionFault, createFaultPlan, type RequestFault, takes } from './backend/faults.ts'
import { createListener } from './backend/listener.ts'
import { type BackendRequest, formatOf, type ReceivedSpan, readBody } from './backend/request.ts'
import { createWaiting } from './backend/waiting.ts'
import { encodeStatus } from './otlp/response.ts'

/** Makes a backend; it listens once `listen()` is called. */
export function createBackend(options: BackendOptions = {}): Backend {
  const { host = '127.0.0.1', path = '/v1/traces', limit = 100_000, logLimit = 100 } = options
  const limits = {
    maxRequestBytes: options.maxRequestBytes ?? 64 * 2 ** 20,
    decode: options.decode ?? 'full',
  }
  const tls = options.tls === true ? createCertificate() : options.tls
  const plan = createFaultPlan<RequestFault>()
  const handshakes = createFaultPlan<Extract<ConnectionFault, { type: 'slow_tls' }>>()
  const listeners = new Set<(request: BackendRequest) => void>()
  const waiting = createWaiting()
  const spans: ReceivedSpan[] = []
  const log: BackendRequest[] = []
  const nothing = { requests: 0, spanCount: 0, received: 0, answered: 0, rejected: 0, malformed: 0 }
  const count = { ...nothing }
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
      count.requests += 1
      count.malformed += 1
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
      spans: [],
      spanCount: 0,
      accepted: 0,
      status: undefined,
      fault: undefined,
      ...seen,
    }
    log.push(whole)
    if (log.length > logLimit) log.shift()
    for (const tell of listeners) tell(whole)
    waiting.changed()
  }

  const receive = (request: IncomingMessage, response: ServerResponse): void => {
    const format = formatOf(request.headers['content-type']) ?? 'protobuf'
    const wire = request.socket
    const exchange: Exchange = { response, format, wire, reset: () => listener.reset(wire) }
    count.requests += 1
    request.on('error', () => {})
    response.on('error', () => {})

    const refuse = (status: number, problem: string, seen: Partial<BackendRequest> = {}): void => {
      if (status === 400 || status === 415) count.malformed += 1
      const headers = { ...(status === 405 ? { allow: 'POST' } : {}), connection: 'close' }
      answer(exchange, status, encodeStatus(format, problem), headers)
      note(request, { ...seen, status })
    }
    if (request.url?.split('?')[0] !== path) {
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
    const read = readBody(body, request.headers, limits)
    // A backend that is down does not judge what it is sent; one that works does.
    const decoded = 'problem' in read ? undefined : read
    const seen = { bytes: body.length, rawBytes: 0, spans: [], spanCount: 0, ...decoded }
    let fault = planned
    if (fault?.type === 'choose' && decoded) {
      const blank = { method: 'POST', path, headers: request.headers, accepted: 0, status: undefined }
      fault = fault.choose({ ...blank, ...seen, fault })
    }
    if ('problem' in read && (!fault || takes(fault))) {
      refuse(read.status, read.problem, seen)
      return
    }

    count.received += seen.spanCount
    const rejected = fault?.type === 'partial' ? Math.min(Math.max(fault.rejected, 0), seen.spanCount) : 0
    const accepted = !fault || takes(fault) ? seen.spanCount - rejected : 0
    count.rejected += rejected
    count.spanCount += accepted
    keep(seen.spans.slice(0, accepted))
    const answered = (): void => {
      count.answered += accepted
      waiting.changed()
    }
    if (fault) note(request, { ...seen, accepted, status: play(fault, exchange, answered), fault })
    else {
      answerSuccess(exchange)
      answered()
      note(request, { ...seen, accepted, status: 200 })
    }
  }

  const keep = (accepted: readonly ReceivedSpan[]): void => {
    for (const span of accepted) spans.push(span)
    if (spans.length > limit) spans.splice(0, spans.length - limit)
  }

  const listen = async (): Promise<void> => {
    refusing = false
    await listener.listen(port)
    port = listener.port
  }

  const backend: Backend = {
    get url() {
      const name = host.includes(':') ? `[${host}]` : host
      return `${tls ? 'https' : 'http'}://${name}:${port}${path}`
    },
    get port() {
      return port
    },
    certificate: tls?.cert?.toString(),
    spans,
    log,
    get requests() {
      return count.requests
    },
    get spanCount() {
      return count.spanCount
    },
    get received() {
      return count.received
    },
    get acceptedWithoutAnswer() {
      return count.spanCount - count.answered
    },
    get rejected() {
      return count.rejected
    },
    get malformed() {
      return count.malformed
    },
    get connections() {
      return listener.open
    },
    get connectionsTotal() {
      return listener.total
    },
    stats: () => ({
      requests: backend.requests,
      spanCount: backend.spanCount,
      received: backend.received,
      acceptedWithoutAnswer: backend.acceptedWithoutAnswer,
      rejected: backend.rejected,
      malformed: backend.malformed,
      connections: backend.connections,
      connectionsTotal: backend.connectionsTotal,
    }),
    listen,
    reopen: listen,
    close: () => listener.close(),
    fault: (fault, { times } = {}) => {
      if (fault.type === 'refuse') {
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
      Object.assign(count, nothing)
      spans.length = 0
      log.length = 0
    },
    onRequest: (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    cutConnections: () => listener.cut(),
    waitFor: (holds, timeoutMs = 5000) =>
      waiting.until(holds, timeoutMs, () => `not yet, with ${JSON.stringify(backend.stats())}`),
    waitForSpans: (spanCount, timeoutMs = 5000) =>
      waiting.until(
        () => count.spanCount >= spanCount,
        timeoutMs,
        () => `${count.spanCount} spans accepted of ${spanCount}, ${count.received} received`,
      ),
    waitForRequests: (requests, timeoutMs = 5000) =>
      waiting.until(
        () => count.requests >= requests,
        timeoutMs,
        () => `${count.requests} requests of ${requests}`,
      ),
  }
  return backend
}
