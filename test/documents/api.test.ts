// docs/api.md is what the built declarations say, and every name that the package exports says what it is.
import assert from 'node:assert/strict'
import { apiReference, exportsOf, readApiReference } from '../../docs/api-reference.ts'
import { entries } from '../../scripts/entries.ts'

/** Members of an interface, as the reference shows them, that have no docstring before them. */
function membersWithoutDocstring(code: string): string[] {
  const lines = code.split('\n')
  return lines.filter(
    (line, index) => /^ {2}(readonly )?\w+[?(:<]/.test(line) && !/\*\/$/.test(lines[index - 1] ?? ''),
  )
}

describe('the API reference', () => {
  it('is fresh (npm run build && npx tsx docs/api-reference.ts)', () => {
    assert.equal(readApiReference(), apiReference())
  })

  for (const entry of Object.keys(entries)) {
    it(`has a docstring for every name that ${entry} exports`, () => {
      const names = exportsOf(entry)
      assert.ok(names.length > 0)
      assert.deepEqual(
        names.filter(({ text }) => text === '').map(({ name }) => name),
        [],
      )
    })

    it(`has a docstring for every option of ${entry}`, () => {
      const options = exportsOf(entry).filter(({ name }) => /Options$/.test(name))
      assert.deepEqual(
        options.flatMap(({ name, code }) =>
          membersWithoutDocstring(code).map((line) => `${name}: ${line.trim()}`),
        ),
        [],
      )
    })
  }
})
