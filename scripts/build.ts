/** Builds the package into `dist`: see docs/package.md. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { buildForBundlers } from './bundlers.ts'
import { buildCommand } from './command.ts'
import { buildCommonJs } from './commonjs.ts'
import { pruneDeclarations } from './declarations.ts'
import { entries, root } from './entries.ts'
import { buildWrappers } from './wrappers.ts'

rmSync(`${root}dist`, { recursive: true, force: true })
const compiler = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace(/package\.json$/, 'bin/tsc')
execFileSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`], { stdio: 'inherit' })
pruneDeclarations(
  `${root}dist/cjs/types`,
  Object.values(entries).map((source) => source.replace(/\.ts$/, '.d.ts')),
)
await Promise.all([buildCommonJs(), buildForBundlers(), buildCommand()])
await buildWrappers()
