import { readdirSync } from 'node:fs'
import { build } from 'esbuild'
import { root } from './entries.ts'

/** Paths of all test files, from the root of the repository. */
export const testFiles = (): readonly string[] =>
  readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`)

/** By file: the files that import it. */
async function importersIn(entryPoints: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const { metafile } = await build({
    ...{ absWorkingDir: root, entryPoints: [...entryPoints], outdir: 'dist' },
    ...{ bundle: true, write: false, metafile: true, logLevel: 'silent' },
    ...{ packages: 'external', platform: 'node', format: 'esm' },
  })
  const importers = new Map<string, string[]>()
  for (const [file, { imports }] of Object.entries(metafile.inputs))
    for (const { path } of imports) importers.set(path, [...(importers.get(path) ?? []), file])
  return importers
}

/**
 * The test files that import one of the changed files, directly or through others. Paths are relative to the root of
 * the repository. Rejects if a file has a syntax error.
 */
export async function affectedTests(changed: Iterable<string>): Promise<readonly string[]> {
  const tests = testFiles()
  const importers = await importersIn(tests)
  const affected = new Set(changed)
  // A set also iterates over what is added meanwhile.
  for (const file of affected) for (const importer of importers.get(file) ?? []) affected.add(importer)
  return tests.filter((file) => affected.has(file))
}
