// Guards the direction of imports: no folder, and no file beside it, imports another in a circle.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  readonly from: string
  readonly to: string
  /** Only types are imported: nothing is left of it at runtime. */
  readonly isType: boolean
}

/** The relative imports of a file, static and dynamic. */
function importsOf(from: string): Import[] {
  const text = readFileSync(root + from, 'utf8')
  const { module, errors } = parseSync(from, text)
  assert.deepEqual(errors, [], from)
  const found = [
    ...module.staticImports.map(({ moduleRequest, entries }) => ({
      specifier: moduleRequest.value,
      isType: entries.length > 0 && entries.every(({ isType }) => isType),
    })),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest, isType }) =>
        moduleRequest ? [{ specifier: moduleRequest.value, isType }] : [],
      ),
    ),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => ({
      specifier: text.slice(start + 1, end - 1),
      isType: false,
    })),
  ]
  return found
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, isType }) => ({ from, to: posix.join(posix.dirname(from), specifier), isType }))
}

const imports = ['src', 'machines'].flatMap((folder) =>
  readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => importsOf(`${folder}/${name.replaceAll('\\', '/')}`)),
)

/** The folder that has both files in it, and its two children with them: `src`, `src/bus`, `src/clock.ts`. */
function siblings({ from, to }: Import): Edge {
  const [ours, theirs] = [from.split('/'), to.split('/')]
  const shared = ours.findIndex((name, depth) => name !== theirs[depth])
  return [ours.slice(0, shared + 1).join('/'), theirs.slice(0, shared + 1).join('/')]
}

type Edge = readonly [from: string, to: string]

/** Every group of nodes that all lead to each other. */
function circlesIn(edges: Iterable<Edge>): readonly (readonly string[])[] {
  const next = new Map<string, Set<string>>()
  for (const [from, to] of edges) next.set(from, (next.get(from) ?? new Set()).add(to))
  const reached = new Map<string, ReadonlySet<string>>()
  for (const start of next.keys()) {
    const found = new Set(next.get(start))
    // A set also iterates over what is added meanwhile.
    for (const node of found) for (const one of next.get(node) ?? []) found.add(one)
    reached.set(start, found)
  }
  const groups = new Map<string, readonly string[]>()
  for (const [node, found] of reached) {
    const group = [...found].filter((other) => reached.get(other)?.has(node)).sort()
    if (group.length > 1) groups.set(group.join(' '), group)
  }
  return [...groups.values()]
}

const isFile = (path: string): boolean => path.endsWith('.ts')
const values = imports.filter(({ isType }) => !isType)

describe('the imports of src and machines', () => {
  it('would be found in a circle', () => {
    const edges: Edge[] = [
      ['bus', 'clock'],
      ['bus', 'config'],
      ['config', 'delivery'],
      ['delivery', 'config'],
    ]
    assert.deepEqual(circlesIn(edges), [['config', 'delivery']])
    assert.ok(imports.length > 500)
  })

  it('make no circle of folders, or of folders and files beside them, even by types', () => {
    // Files of one folder may name each other's types.
    const circles = circlesIn(imports.map(siblings)).filter((group) => !group.every(isFile))
    assert.deepEqual(circles, [])
  })

  it('make no circle of files that would load each other', () => {
    assert.deepEqual(circlesIn(values.map(({ from, to }): Edge => [from, to])), [])
  })
})
