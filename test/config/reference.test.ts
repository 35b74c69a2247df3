// Guards the reference of all keys: docs/configuration.md says what the schemas say.
import assert from 'node:assert/strict'
import { readPage, withReference } from '../../docs/generate.ts'

describe('the reference of all configuration keys', () => {
  it('is fresh (npx tsx docs/generate.ts)', () => {
    assert.equal(readPage(), withReference(readPage()))
  })
})
