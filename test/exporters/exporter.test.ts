// Guards the driver contract: a definition that cannot work is refused where it is written, in words.
import assert from 'node:assert/strict'
import { defineExporter, TelemetryError } from '../../src/index.ts'

const whole = { type: 'loki', schema: {}, open: () => ({}), close: () => {} }

describe('defineExporter', () => {
  it('returns the definition it was given', () => {
    assert.equal(defineExporter(whole), whole)
  })

  for (const [what, part] of [
    ['no type', { type: undefined }],
    ['a type that cannot be a key', { type: 'my exporter' }],
    ['no schema', { schema: null }],
    ['no open', { open: undefined }],
    ['no close', { close: 7 }],
    ['an export that is no function', { export: 'later' }],
  ] as const)
    it(`refuses a definition with ${what}`, () => {
      assert.throws(
        () => defineExporter({ ...whole, ...part } as never),
        (error) => error instanceof TelemetryError && error.code === 'EXPORTER_DEFINITION_INVALID',
      )
    })
})
