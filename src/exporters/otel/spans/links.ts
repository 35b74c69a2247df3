import { isTraceparent, parseTraceparent } from '../../../bus/traceparent.ts'
import { noAttributes, noLinks, type SpanLink } from '../span-record.ts'
import {
  type AttributeLimits,
  attributeValue,
  collect,
  createCollector,
  type EventFields,
} from './attributes.ts'

export interface Links {
  readonly links: readonly SpanLink[]
  /** Elements that are not a link, or exceed the limit. */
  readonly dropped: number
}

export const noSpanLinks: Links = { links: noLinks, dropped: 0 }

const mostLinks = 128

/** Whether a metadata value is a list of links: at least one of its elements is. */
export const isLinks = (value: unknown): boolean =>
  Array.isArray(value) && value.some((item) => isTraceparent(fieldOf(item, 'traceparent') ?? item))

/** Links from `metadata.links`: `traceparent` texts, or `{ traceparent, tracestate?, attributes? }`. */
export function linksOf({ fields, metadataStart }: EventFields, limits: AttributeLimits): Links {
  for (let i = metadataStart; i < fields.length; i += 2)
    if (fields[i] === 'links' && isLinks(fields[i + 1])) return readLinks(fields[i + 1] as unknown[], limits)
  return noSpanLinks
}

function readLinks(items: readonly unknown[], limits: AttributeLimits): Links {
  const links: SpanLink[] = []
  for (const item of items) {
    const link = links.length < mostLinks ? readLink(item, limits) : undefined
    if (link !== undefined) links.push(link)
  }
  return { links, dropped: items.length - links.length }
}

function readLink(item: unknown, limits: AttributeLimits): SpanLink | undefined {
  const context = parseTraceparent(fieldOf(item, 'traceparent') ?? item, fieldOf(item, 'tracestate'))
  if (context === undefined) return undefined
  const collector = createCollector(limits)
  const attributes = fieldOf(item, 'attributes')
  if (typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes))
    for (const [key, value] of Object.entries(attributes))
      if (value !== null) collect(collector, key, attributeValue(value, limits.length))
  return {
    traceId: context,
    spanHigh: context.spanHigh,
    spanLow: context.spanLow,
    traceState: context.traceState ?? '',
    flags: 0x300 | (context.traceFlags ?? 0),
    attributes: collector.attributes.length > 0 ? collector.attributes : noAttributes,
    droppedAttributesCount: collector.dropped,
  }
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
