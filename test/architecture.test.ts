// Guards the map of the tree: ARCHITECTURE.md names every folder, its two walks are short, and their files exist.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const text = readFileSync(`${root}ARCHITECTURE.md`, 'utf8')

/** A folder and all folders in it that have source files somewhere. */
function foldersIn(folder: string): string[] {
  const entries = readdirSync(root + folder, { withFileTypes: true })
  const inner = entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => foldersIn(`${folder}/${name}`))
  return entries.some(({ name }) => /\.tsx?$/.test(name)) || inner.length > 0 ? [folder, ...inner] : inner
}

/** The rooms of the table: rows that begin with a folder. */
const rooms = [...text.matchAll(/^\| `([\w/-]+)\/` +\| \S/gm)].map(([, room]) => room!)

/** The numbered list below a line that begins with this. */
function walk(heading: string): string[] {
  const [, after] = text.split(heading)
  assert.ok(after, heading)
  const list = after.split('\n\n')[1]!
  return [...list.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file]) => file!)
}

describe('ARCHITECTURE.md', () => {
  it('has every folder of src and machines in its table of rooms, and the folders beside them', () => {
    const folders = ['src', 'machines'].flatMap(foldersIn)
    const beside = ['bench', 'docs', 'examples', 'scripts', 'test', 'visualizations']
    assert.deepEqual([...rooms].sort(), [...folders, ...beside].sort())
  })

  it('describes folders whose main file is inside, and not beside them under the same name', () => {
    const folders = ['src', 'machines'].flatMap(foldersIn)
    assert.deepEqual(
      folders.filter((folder) => existsSync(`${root}${folder}.ts`)),
      [],
    )
  })

  for (const heading of ['The files, from `emit` to the wire:', 'The files, from `put` to a rebuilt client:'])
    it(`names at most fifteen files, each of which exists: ${heading}`, () => {
      const files = walk(heading)
      assert.ok(files.length > 5 && files.length <= 15)
      assert.deepEqual(
        files.filter((file) => !existsSync(root + file)),
        [],
      )
    })
})
