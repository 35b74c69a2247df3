// Guards the first rule of the house: machines decide, and touch nothing.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../machines/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))

describe('machines/', () => {
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8')

    it(`${file} imports nothing but xstate and its siblings`, () => {
      const imported = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
        ([, name]) => name as string,
      )
      const foreign = imported.filter((name) => name !== 'xstate' && !/^\.\/[a-z-]+\.ts$/.test(name))
      assert.deepEqual(foreign, [])
    })

    it(`${file} has no clock, chance, timer or output of its own`, () => {
      assert.doesNotMatch(
        text,
        /\b(Date|Math\.random|setTimeout|setInterval|performance|console|process)\b[.(]/,
      )
    })
  }
})
