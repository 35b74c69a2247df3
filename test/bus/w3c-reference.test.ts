// W3C Trace Context Level 2 once more, written down from its text with regular expressions: for any header, right or
// wrong, our parser agrees with it, and what a span sends in headers is what it has in its exported scope.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createBus } from '../../src/bus/bus.ts'
import type { SpanScope, TelemetryEvent } from '../../src/bus/event.ts'
import { createScopes } from '../../src/bus/scope.ts'
import { createSpans } from '../../src/bus/span.ts'
import { parseTraceparent } from '../../src/bus/traceparent.ts'
import { parseTracestate } from '../../src/bus/tracestate.ts'
import { createSystemClock } from '../../src/clock.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Of version 00 nothing follows; of later ones whatever a header may hold, behind a dash. */
const form =
  /^(?!ff)(?:00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})|(?!00)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-[!-~]*)?)$/

function referenceParent(text: string) {
  const found = form.exec(text)
  const [traceId, spanId, flags] = found?.slice(found[1] === undefined ? 4 : 1) ?? []
  if (traceId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId!)) return undefined
  // Sampled and random are the flags there are.
  return { traceId, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) & 3 }
}

const key = '[a-z0-9][a-z0-9_\\-*/@]{0,255}'
const value = '[ -+\\--<>-~]{0,255}[!-+\\--<>-~]'
const member = new RegExp(`^(${key})=(${value})$`)

function referenceState(text: string): string | undefined {
  const members = text
    .split(',')
    .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((each) => each !== '')
  if (members.length === 0 || members.length > 32) return undefined
  const kept: string[] = []
  const keys = new Set<string>()
  for (const each of members) {
    const found = member.exec(each)
    if (!found) return undefined
    if (!keys.has(found[1]!)) kept.push(each)
    keys.add(found[1]!)
  }
  return kept.join(',')
}

/** Valid, or changed in one or two places by a character that is wrong in some of them. */
const bent = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      texts,
      fc.array(
        fc.tuple(
          fc.nat(600),
          fc.constantFrom(
            '',
            '0',
            'f',
            'F',
            'g',
            '-',
            '.',
            ',',
            '=',
            '@',
            ' ',
            '\t',
            '\n',
            '\u0000',
            '\u00e9',
            '\u007f',
          ),
          fc.nat(2),
        ),
        { maxLength: 2 },
      ),
    )
    .map(([text, changes]) =>
      changes.reduce((now, [at, character, removed]) => {
        const place = at % (now.length + 1)
        return now.slice(0, place) + character + now.slice(place + removed)
      }, text),
    )

const hex = (length: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length }),
    fc.constant('0'.repeat(length)),
  )
const parents = bent(
  fc
    .tuple(
      fc.constantFrom('00', '00', '01', 'cc', 'fe', 'ff', '0', '000'),
      hex(32),
      hex(16),
      hex(2),
      fc.constantFrom('', '', '', '-', '-what', '.what', '--', '-\u00e9', '-a b'),
    )
    .map(([version, trace, span, flags, rest]) => `${version}-${trace}-${span}-${flags}${rest}`),
)
const text = (units: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...units), minLength, maxLength })
const members = fc.oneof(
  fc
    .tuple(text('abz019_-*/@', 1, 5), text('aZ~!+-<>@/ .:;', 1, 6))
    .map(([name, content]) => `${name}=${content}`),
  fc
    .tuple(fc.integer({ min: 250, max: 260 }), fc.integer({ min: 250, max: 260 }))
    .map(([name, content]) => `${'k'.repeat(name)}=${'v'.repeat(content)}`),
  fc.constantFrom('', ' ', '\t', 'a=1', 'a=2', 'a=', '=1', 'a', 'a=1=2', 'tenant@system=1'),
)
const states = bent(
  fc
    .array(members, { maxLength: 36 })
    .chain((list) => fc.constantFrom(',', ' , ', ',\t', ', ').map((comma) => list.join(comma))),
)

describe('trace context, beside a reference', () => {
  it('has the parents that the specification has', () => {
    let valid = 0
    fc.assert(
      fc.property(parents, (parent) => {
        const expected = referenceParent(parent)
        const { traceId, spanId, traceFlags } = parseTraceparent(parent)?.shown ?? {}
        assert.deepEqual(traceId && { traceId, spanId, traceFlags }, expected, JSON.stringify(parent))
        if (expected) valid++
      }),
      { numRuns: 5000 },
    )
    assert.ok(valid > 50, `${valid}`)
  })

  it('has the states that the specification has', () => {
    let valid = 0
    fc.assert(
      fc.property(states, (state) => {
        const expected = referenceState(state)
        assert.equal(parseTracestate(state), expected, JSON.stringify(state))
        if (expected !== undefined) valid++
      }),
      { numRuns: 5000 },
    )
    assert.ok(valid > 50, `${valid}`)
  })

  it('is the same in headers, in the scope that is exported, and one span further on', () => {
    const scopes = createScopes()
    const clock = createSystemClock()
    const bus = createBus({ clock, logger: silent, maxValueLength: () => 100_000, scopes })
    const events: TelemetryEvent[] = []
    bus.attach('all', '*', (event) => events.push(event))
    bus.open()
    const { span } = createSpans({ bus, clock, scopes })
    const sent = (headers: object): Record<string, string> => span('out', headers, (out) => out.headers())
    fc.assert(
      fc.property(parents, states, (traceparent, tracestate) => {
        events.length = 0
        const headers = sent({ traceparent, tracestate })
        const { scope } = events.at(-1) as { scope: SpanScope }
        const parent = referenceParent(traceparent)
        const flags = scope.traceFlags ?? 1
        assert.equal(headers.traceparent, `00-${scope.traceId}-${scope.spanId}-0${flags}`)
        assert.equal(headers.tracestate, scope.traceState)
        assert.equal(scope.traceId === parent?.traceId, parent !== undefined)
        assert.equal(scope.traceState, parent && referenceState(tracestate))
        // What goes out is valid, and comes in as it was.
        const next = sent(headers)
        assert.equal(next.traceparent!.slice(0, 35), headers.traceparent!.slice(0, 35))
        assert.equal(next.tracestate, headers.tracestate)
      }),
      { numRuns: 2000 },
    )
  })
})
