// The test files of docs/testing.md pass in node:test as they stand. Vitest and Jest are not installed here: what the
// package does in them is tested by `npm run test:matrix`.
import assert from 'node:assert/strict'
import { runNode } from '../package/packed.ts'
import { createPlace, filesOf, type Place } from './place.ts'

const document = 'docs/testing.md'

describe('the document on testing', () => {
  let place: Place
  before(async () => {
    place = await createPlace(document)
  })
  after(() => place.close())

  for (const file of filesOf(document).keys())
    it(`has a ${file} that passes in node:test`, async () => {
      const { code, stdout } = await runNode(place.folder, '--test', '--test-reporter=tap', file)
      assert.equal(code, 0, stdout)
      assert.match(stdout, /^# fail 0$/m)
      assert.doesNotMatch(stdout, /^# pass 0$/m)
    })

  it('has three of them', () => assert.equal(filesOf(document).size, 3))
})
