// Guards that a user can name the types that the package speaks of: whatever an exported signature of an entry point
// leads to in the built declarations is exported itself, by that or by another entry point. What is not is listed, so
// that the list can only get shorter.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { mark } from '../../scripts/declarations.ts'
import { entries } from '../../scripts/entries.ts'
import { root } from './packed.ts'

/** Helpers of other types: what they make of their arguments has a name. */
const notExported = [
  'Carried',
  'EventShape',
  'EventsOf',
  'IfOptional',
  'Measurements',
  'Metadata',
  'NoFields',
  'NoPayload',
  'Options',
  'Part',
]

const declarationsOf = (name: string): string =>
  join(root, 'dist/cjs/types', entries[name]!.replace(/\.ts$/, '.d.ts'))

type Files = ReturnType<typeof mark>

const typeDeclaration = /^\s*(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/

/** Types that are declared in these files and needed, as `file name`. */
const neededTypes = (files: Files): string[] =>
  [...files].flatMap(([path, { needed, text }]) =>
    [...needed].flatMap(({ start, end }) => {
      const name = typeDeclaration.exec(text.slice(start, end))?.[1]
      return name === undefined ? [] : [`${path} ${name}`]
    }),
  )

/** What a file exports, as `file name` of where each is declared. */
function exportsOf(files: Files, path: string): Map<string, string> {
  const file = files.get(path)!
  const found = new Map<string, string>()
  for (const star of file.stars.keys()) for (const one of exportsOf(files, star)) found.set(...one)
  for (const [name, binding] of file.exported) {
    const far = typeof binding === 'string' ? file.imported.get(binding) : binding
    if (far === undefined) found.set(name, `${path} ${binding}`)
    else if (far.from.startsWith('.')) {
      const target = join(path, '..', far.from.replace(/\.[jt]s$/, '.d.ts'))
      found.set(name, exportsOf(files, target).get(far.name) ?? `${target} ${far.name}`)
    }
  }
  return found
}

describe('the types of the package', () => {
  it('that its entry points lead to are exported from one of them', () => {
    const paths = Object.keys(entries).map(declarationsOf)
    const files = mark(paths)
    const exported = new Set(paths.flatMap((path) => [...exportsOf(files, path).values()]))
    assert.ok(exported.size > 100)
    const missing = neededTypes(files).filter((type) => !exported.has(type))
    assert.deepEqual([...new Set(missing.map((type) => type.split(' ')[1]))].toSorted(), notExported)
  })
})
