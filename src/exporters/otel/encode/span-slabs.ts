import type { TelemetryEvent } from '../../../bus/event.ts'
import { bytesOf } from '../../../bus/snapshot.ts'
import type { EncodedItem } from '../encoded-item.ts'
import type { SpanRecord } from '../span-record.ts'
import type { AttributeLimits } from '../spans/attributes.ts'
import type { OpenSpan } from '../spans/open-span.ts'
import { finishSpan } from '../spans/record.ts'
import { writeFinishedSpan } from './finished-span.ts'
import { createSlabs, type Slabs } from './slabs.ts'
import { writeSpan } from './span.ts'

export interface SpanSlabs extends Pick<Slabs, 'release' | 'clear'> {
  /** Encodes the span that an event ends. */
  finish(span: OpenSpan, end: TelemetryEvent, isError: boolean, limits: AttributeLimits): EncodedItem
  encode(span: SpanRecord): EncodedItem
}

/** Slabs that finished spans are encoded into. */
export function createSpanSlabs(): SpanSlabs {
  const { open, take, release, clear } = createSlabs()
  return {
    finish: (span, end, isError, limits) => {
      const into = open(bytesOf(end) + bytesOf(span.start as TelemetryEvent))
      if (!writeFinishedSpan(into, span, end, isError, limits))
        writeSpan(into, finishSpan(span, end, isError, limits))
      return take()
    },
    encode: (span) => {
      writeSpan(open(0), span)
      return take()
    },
    release,
    clear,
  }
}
