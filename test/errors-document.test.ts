// Guards that docs/errors.md explains every error code once, and that none is left over when nothing uses it any more.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

const declared = [...read('src/error-codes.ts').matchAll(/\| '([A-Z_]+)'/g)].map(([, code]) => code!)

describe('the document of error codes', () => {
  it('explains each code of the type once, in its order', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| .+ \| .+ \|$/gm)]
    assert.deepEqual(
      rows.map(([, code]) => code),
      declared,
    )
    assert.equal(new Set(declared).size, declared.length)
  })

  it('explains no code that the source does not use', () => {
    const sources = readdirSync(new URL('../src', import.meta.url), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && path !== 'error-codes.ts')
      .map((path) => read(`src/${path}`))
      .join('\n')
    assert.deepEqual(
      declared.filter((code) => !sources.includes(`'${code}'`)),
      [],
    )
  })
})
