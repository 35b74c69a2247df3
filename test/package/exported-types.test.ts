// Guards that a user can name the types that the root of the package speaks of: whatever an exported signature leads to
// in the built declarations is exported itself. What is not yet is listed, so that the list can only get shorter.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { mark } from '../../scripts/declarations.ts'
import { root } from './packed.ts'

/** Helpers of other types. */
const notExported = [
  'Carried',
  'EventShape',
  'IfOptional',
  'Measurements',
  'Metadata',
  'NoFields',
  'Options',
  'Part',
]

describe('the types of the package', () => {
  it('that its root leads to are exported from it', () => {
    const path = join(root, 'dist/cjs/types/src/index.d.ts')
    const files = mark([path])
    const exported = new Set(files.get(path)!.exported.keys())
    const stars = [...files.get(path)!.stars.keys()]
    for (const star of stars) for (const name of files.get(star)!.exported.keys()) exported.add(name)
    const types = /^\s*(?:export )?(?:declare )?(?:interface|type|class) (\w+)/
    const reached = [...files.values()].flatMap(({ needed, text }) =>
      [...needed].map((statement) => types.exec(text.slice(statement.start, statement.end))?.[1]),
    )
    const missing = reached.filter((name) => name !== undefined && !exported.has(name))
    assert.deepEqual([...new Set(missing)].sort(), notExported)
  })
})
