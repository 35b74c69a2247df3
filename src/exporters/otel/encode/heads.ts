import type { SpanOrigin } from '../resource.ts'
import { attributesOf, writeAttributes } from './any-value.ts'
import { writeTextField } from './fields.ts'
import { closeMessage, openMessage, type ProtobufWriter, writeByte } from './protobuf-writer.ts'

const resourceSpansResource = 0x0a
const scopeSpansScope = 0x0a
const schemaUrl = 0x1a

/** The fields of ResourceSpans without its scopes. */
export function encodeResource(writer: ProtobufWriter, resource: SpanOrigin['resource']): Buffer {
  writer.at = 0
  writeByte(writer, resourceSpansResource)
  const start = openMessage(writer, 2)
  writeAttributes(writer, 0x0a, attributesOf(resource.attributes))
  closeMessage(writer, start, 2)
  return taken(writer, resource.schemaUrl)
}

/** The fields of ScopeSpans without its spans. */
export function encodeScope(writer: ProtobufWriter, scope: SpanOrigin['scope']): Buffer {
  writer.at = 0
  writeByte(writer, scopeSpansScope)
  const start = openMessage(writer, 1)
  writeTextField(writer, 0x0a, scope.name)
  writeTextField(writer, 0x12, scope.version ?? '')
  writeAttributes(writer, 0x1a, attributesOf(scope.attributes ?? {}))
  closeMessage(writer, start, 1)
  return taken(writer, scope.schemaUrl)
}

function taken(writer: ProtobufWriter, url = ''): Buffer {
  writeTextField(writer, schemaUrl, url)
  return Buffer.from(writer.bytes.subarray(0, writer.at))
}
