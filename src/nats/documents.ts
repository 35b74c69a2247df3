import { isRecord } from '../config/formats/format.ts'
import { messageOf } from '../errors.ts'
import { headerNames } from './names.ts'

/** A document of a fleet, as it stands in the store. */
export interface Revision {
  /** The sequence of its message. */
  readonly revision: number
  readonly document: Record<string, unknown>
}

/** A document for some nodes, upon one revision of the document of all. */
export interface Canary extends Revision {
  readonly base: number
  readonly nodes: readonly string[]
}

/** The value of a key: a document, nothing (it was deleted), or an unreadable one. */
export type Read<Value> =
  | { readonly type: 'read'; readonly value: Value }
  | { readonly type: 'none' }
  | { readonly type: 'unreadable'; readonly problem: string }

interface Message {
  readonly seq: number
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, string | undefined>>
}

function parsed({ data, headers }: Message): Read<Record<string, unknown>> {
  if (headers[headerNames.operation]) return { type: 'none' }
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'))
    if (isRecord(value)) return { type: 'read', value }
    return { type: 'unreadable', problem: 'the document must be a JSON object' }
  } catch (error) {
    return { type: 'unreadable', problem: `the document is not JSON: ${messageOf(error)}` }
  }
}

export function readRevision(message: Message): Read<Revision> {
  const read = parsed(message)
  return read.type === 'read'
    ? { type: 'read', value: { revision: message.seq, document: read.value } }
    : read
}

export function readCanary(message: Message): Read<Canary> {
  const read = parsed(message)
  if (read.type !== 'read') return read
  const { base, nodes, document } = read.value
  if (typeof base !== 'number' || !Array.isArray(nodes) || !isRecord(document))
    return { type: 'unreadable', problem: 'a canary has base, nodes and document' }
  return { type: 'read', value: { revision: message.seq, base, nodes: nodes as string[], document } }
}
