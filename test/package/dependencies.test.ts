// Guards that docs/dependencies.md tells of each package a user gets: why it is there, its size, its licence, and when
// it is loaded.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifest, root } from './packed.ts'

const document = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')
const rows = [...document.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map(([, name, cells]) => ({
  name: name!,
  cells: cells!.split('|').map((cell) => cell.trim()),
}))
const rowOf = (name: string) => rows.filter((row) => row.name === name)

describe('the page of dependencies', () => {
  it('has a row for each, and for no other', () => {
    const { dependencies, peerDependencies } = manifest
    assert.deepEqual(
      rows.map(({ name }) => name).toSorted(),
      [...Object.keys(dependencies), ...Object.keys(peerDependencies)].toSorted(),
    )
  })

  it('says why, how large, under which licence, and when it is loaded', () => {
    for (const name of Object.keys(manifest.dependencies)) {
      const [why, size, licence, loaded] = rowOf(name)[0]!.cells
      const file = join(root, 'node_modules', name, 'package.json')
      assert.match(why!, /^[A-Z].*\.$/, name)
      assert.match(size!, /^\d+\.\d MB/, name)
      assert.equal(licence, (JSON.parse(readFileSync(file, 'utf8')) as { license: string }).license, name)
      assert.match(loaded!, /^(when|by|with) /, name)
    }
  })

  it('says so of optional ones, which are not installed', () => {
    const meta = manifest.peerDependenciesMeta as Record<string, { optional: boolean }>
    for (const name of Object.keys(manifest.peerDependencies)) {
      assert.equal(meta[name]?.optional, true, name)
      const [why, licence, loaded] = rowOf(name)[0]!.cells
      assert.match(why!, /^[A-Z].*\.$/, name)
      const file = join(root, 'node_modules', name, 'package.json')
      assert.equal(licence, (JSON.parse(readFileSync(file, 'utf8')) as { license: string }).license, name)
      assert.match(loaded!, /^(when|by) /, name)
    }
  })

  it('names the version of the OTLP package that is installed', () => {
    const version = manifest.dependencies['@opentelemetry/exporter-trace-otlp-proto']!
    assert.ok(document.includes(`Its version is fixed at ${version},`))
    assert.ok(existsSync(join(root, 'docs/package.md')))
  })
})
