// Guards what is read of a node: its credentials may have written anything under its key, and nothing of it may harm who
// reads it.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readNodeStatus } from '../../src/nats/status-reader.ts'
import { statusOf } from './statuses.ts'

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const good = statusOf('a', { refused: { revision: 2, problems: ['no'], omitted: 0 } })

describe('the status of a node', () => {
  it('is read as it was written', () => {
    assert.deepEqual(readNodeStatus('a', bytes(good)), good)
  })

  it('is that of the key it stands under, whoever it says it is', () => {
    assert.equal(readNodeStatus('b', bytes(good))?.node, 'b')
  })

  it('is not read with anything missing or of another kind, at any depth', () => {
    const optional = new Set([
      'node',
      'canary',
      'cached',
      'refused',
      'otel',
      'lastError',
      'queue_full',
      'spooled',
      'restored',
    ])
    const broken = (value: object): { readonly key: string; readonly document: object }[] =>
      Object.entries(value).flatMap(([key, inner]) => [
        ...(optional.has(key) ? [] : [{ key, document: { ...value, [key]: undefined } }]),
        { key, document: { ...value, [key]: typeof inner === 'object' ? 7 : { toString: 1 } } },
        ...(typeof inner === 'object' && !Array.isArray(inner)
          ? broken(inner).map((one) => ({ key: one.key, document: { ...value, [key]: one.document } }))
          : []),
      ])
    const all = broken(good).filter(({ key }) => !['node', 'canary', 'cached'].includes(key))
    assert.ok(all.length > 40)
    for (const { key, document } of all)
      assert.equal(readNodeStatus('a', bytes(document)), undefined, `${key}: ${JSON.stringify(document)}`)
  })

  it('is cut where it is long, and has nothing that a status has not', () => {
    const long = 'x'.repeat(5000)
    const read = readNodeStatus(
      'a',
      bytes({
        ...good,
        secret: 'more',
        warnings: Array.from({ length: 30 }, () => long),
        refused: { revision: 1, problems: [long], omitted: 1, secret: 'more' },
      }),
    )
    assert.equal(read?.warnings.length, 20)
    assert.equal(read?.warnings[0]?.length, 501)
    assert.equal(read?.refused?.problems[0]?.length, 501)
    assert.doesNotMatch(JSON.stringify(read), /secret/)
    assert.equal(readNodeStatus('a', bytes({ ...good, note: 'x'.repeat(300_000) })), undefined)
    const exporters = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`e${i}`, good.exporters.otel]),
    )
    assert.equal(readNodeStatus('a', bytes({ ...good, exporters })), undefined)
  })

  it('is a status or nothing, whatever the bytes', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data)),
      fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
      fc
        .record({ key: fc.constantFrom(...Object.keys(good), '__proto__'), value: fc.jsonValue() })
        .map(({ key, value }) => bytes({ ...good, [key]: value })),
    )
    fc.assert(
      fc.property(hostile, (data) => {
        const read = readNodeStatus('a', data)
        if (read !== undefined) assert.equal(readNodeStatus('a', bytes(read))?.node, 'a')
      }),
      { numRuns: 2000 },
    )
    assert.equal(readNodeStatus('a', Buffer.from('['.repeat(100_000))), undefined)
  })
})
