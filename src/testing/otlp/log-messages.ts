import {
  anyValue,
  type DecodedAttributes,
  type DecodedResource,
  type DecodedScope,
  type DecodedValue,
  field,
  keyValue,
  message,
  requestMessage,
} from './messages.ts'

/** Ids are lower-case hex, empty outside of a span; times are nanoseconds since the epoch, 0 for unknown. */
export interface DecodedLogRecord {
  readonly timeUnixNano: bigint
  readonly observedTimeUnixNano: bigint
  /** From 1 (TRACE) to 24 (FATAL4); 0 unspecified. */
  readonly severityNumber: number
  readonly severityText: string
  /** Null: none, or an empty value. */
  readonly body: DecodedValue
  readonly attributes: DecodedAttributes
  readonly droppedAttributesCount: number
  /** The W3C trace flags in the low 8 bits. */
  readonly flags: number
  readonly traceId: string
  readonly spanId: string
  readonly eventName: string
}

/** The log records of one instrumentation scope. */
export interface DecodedScopeLogs {
  readonly scope: DecodedScope | null
  readonly logRecords: readonly DecodedLogRecord[]
  readonly schemaUrl: string
}

/** The log records of one resource. */
export interface DecodedResourceLogs {
  readonly resource: DecodedResource | null
  readonly scopeLogs: readonly DecodedScopeLogs[]
  readonly schemaUrl: string
}

/** A decoded OTLP request of logs. */
export interface DecodedLogsRequest {
  readonly resourceLogs: readonly DecodedResourceLogs[]
}

const logRecord = message('LogRecord', [
  field(1, 'timeUnixNano', 'fixed64'),
  field(2, 'severityNumber', 'severityNumber'),
  field(3, 'severityText', 'string'),
  field(5, 'body', anyValue),
  field(6, 'attributes', keyValue, 'attributes'),
  field(7, 'droppedAttributesCount', 'uint32'),
  field(8, 'flags', 'fixed32'),
  field(9, 'traceId', 'traceId'),
  field(10, 'spanId', 'spanId'),
  field(11, 'observedTimeUnixNano', 'fixed64'),
  field(12, 'eventName', 'string'),
])

export const logsRequest = requestMessage('ExportLogsServiceRequest', 'Logs', 'logRecords', logRecord)
