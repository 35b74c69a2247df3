// Patterns mean what they mean to Python's fnmatch.fnmatchcase, for any text, in about linear time.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { glob } from '../../src/bus/glob.ts'

/** Answers of Python 3.11: pattern, names that match, names that do not. */
const answers: [pattern: string, yes: string[], no: string[]][] = [
  ['*', ['', 'a', 'a.b', '\n'], []],
  ['**', ['', 'a.b.c'], []],
  ['', [''], ['a']],
  ['job.start', ['job.start'], ['job.starts', 'Job.start', 'job_start']],
  ['queuemizer.*', ['queuemizer.', 'queuemizer.job.start'], ['queuemizer', 'xqueuemizer.a']],
  ['*.error', ['.error', 'a.b.error'], ['error', 'a.error.x']],
  ['*job*', ['job', 'a.job.b'], ['jo.b']],
  ['a*b*c', ['abc', 'a.b.c', 'abbcc'], ['acb', 'ab']],
  ['a*a', ['aa', 'aba'], ['a']],
  ['?', ['a', '😀', '\n'], ['', 'ab']],
  ['a?c', ['abc', 'a.c', 'a😀c'], ['ac', 'abbc']],
  ['[abc]', ['a', 'c'], ['d', '', 'ab']],
  ['[!abc]', ['d', '!', '😀'], ['a', '']],
  ['[^abc]', ['^', 'a'], ['d']],
  ['[a-c]x', ['ax', 'bx'], ['dx', '-x']],
  ['[a-]', ['a', '-'], ['b']],
  ['[-a]', ['a', '-'], ['b']],
  ['[]]', [']'], ['[', '']],
  ['[]-a]', [']', '^', 'a'], ['-', 'b']],
  ['[!]]', ['a'], [']']],
  ['[', ['['], ['', 'a']],
  ['[a', ['[a'], ['a']],
  ['[]', ['[]'], ['']],
  ['[!]', ['[!]'], ['a']],
  ['a[', ['a['], ['a']],
  ['[z-a]', [], ['z', 'a', '-', 'm', '']],
  ['[!z-a]', ['z', 'a', '-'], ['']],
  ['[b-a!x]', ['y', 'b'], ['x']],
  ['[b-a!-z]', ['b', 'y'], ['-', 'z']],
  ['[--0]', ['-', '.', '0'], ['1']],
  ['[a-c-e]', ['b', '-', 'e'], ['d']],
  ['[\\]', ['\\'], ['a']],
  ['\\*', ['\\a', '\\'], ['*']],
  ['a.c', ['a.c'], ['abc']],
  ['(a|b)+$', ['(a|b)+$'], ['a']],
  ['[[]', ['['], [']']],
  ['[&&~|]', ['&', '~', '|'], ['a']],
  ['[😀-😂]', ['😁'], ['\ud83d', 'x']],
  ['*\ude00', ['\ude00', 'a\ude00'], ['😀']],
  ['\ud83d*', ['\ud83dx'], ['😀']],
]

describe('glob', () => {
  for (const [pattern, yes, no] of answers)
    it(`reads ${JSON.stringify(pattern)} as Python does`, () => {
      const matches = glob(pattern)
      for (const name of yes) assert.equal(matches(name), true, JSON.stringify(name))
      for (const name of no) assert.equal(matches(name), false, JSON.stringify(name))
    })

  it('never throws, whatever the pattern and the name', () => {
    fc.assert(
      fc.property(text, text, (pattern, name) => {
        assert.equal(typeof glob(pattern)(name), 'boolean')
      }),
      { numRuns: 2000 },
    )
  })

  it('agrees with a regular expression on stars, question marks and sets', () => {
    const part = fc.oneof(
      fc.constantFrom('*', '?', 'a', 'b', '.', '😀'),
      fc.constantFrom('[ab]', '[!ab]', '[a-b.]'),
    )
    const expression: Record<string, string> = {
      '*': '.*',
      '?': '.',
      '.': '\\.',
      '[ab]': '[ab]',
      '[!ab]': '[^ab]',
      '[a-b.]': '[a-b.]',
    }
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '😀', 'x'), maxLength: 8 })
    fc.assert(
      fc.property(fc.array(part, { maxLength: 7 }), name, (parts, name) => {
        const oracle = new RegExp(`^${parts.map((each) => expression[each] ?? each).join('')}$`, 'su')
        assert.equal(glob(parts.join(''))(name), oracle.test(name))
      }),
      { numRuns: 3000 },
    )
  })

  it('finds itself literally when the specials are put into sets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        assert.equal(glob(name.replace(/[*?[]/g, '[$&]'))(name), true)
      }),
    )
  })

  it('does not explode on patterns made to backtrack', () => {
    const name = 'a'.repeat(20_000)
    for (const pattern of [
      `${'*a'.repeat(10_000)}b`,
      `${'a*'.repeat(10_000)}b`,
      `${'*?'.repeat(5_000)}b`,
      '['.repeat(50_000),
      '[!'.repeat(50_000),
      `[${'b-a'.repeat(20_000)}]*b`,
    ])
      assert.equal(glob(pattern)(name), false)
  })
})

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab-!]^[*?\\.&~|', '😀', '\ud83d', '\ude00'), maxLength: 20 }),
  fc.string({ unit: 'binary' }),
)
