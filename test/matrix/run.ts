/**
 * Runs the packed package on every supported Node.js:
 *
 *     npm run test:matrix                     all tests on each, and the tests of this folder
 *     npm run test:matrix -- --smoke          what differs between versions of Node.js, and not on the running one
 *     npm run test:matrix -- --node 22,26     only on these
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { testFiles } from '../../scripts/affected.ts'
import { root } from '../package/packed.ts'
import { applications } from './places.ts'
import { nodeOf, prepare } from './prepare.ts'

const { values } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, node: { type: 'string', default: '20,22,24,26' } },
})

/** All test files, or those of a folder: Mocha takes a name with braces for a file, and only warns that it is missing. */
const everything = testFiles()
const below = (folder: string): readonly string[] => everything.filter((file) => file.startsWith(folder))

/** Other implementations, the life of a process, the live page, the package, and the programs of the documents. */
const smoke = [
  ...below('test/interop/'),
  'test/leaks/process.test.ts',
  'test/control/shutdown.test.ts',
  'test/telemetry.test.ts',
  'test/imports.test.ts',
  'test/admin/page.test.ts',
  ...below('test/package/'),
  'test/documents/recipes.test.ts',
  'test/documents/deployment.test.ts',
  'test/documents/testing.test.ts',
  'test/documents/opentelemetry.test.ts',
  'test/documents/first-program.test.ts',
  ...below('test/bridges/'),
]
const onEach = [
  'test/matrix/runners.matrix.ts',
  'test/matrix/services.matrix.ts',
  'test/matrix/newcomer.matrix.ts',
]
const once = ['test/matrix/types.matrix.ts', 'test/matrix/installing.matrix.ts']

const started = Date.now()
const report: string[] = []

function mocha(node: string, name: string, files: readonly string[]): void {
  for (const file of files) if (!existsSync(join(root, file))) throw new Error(`${file} does not exist`)
  const start = Date.now()
  console.log(`\n${name}: ${files.length} files`)
  const { status } = spawnSync(
    node,
    [join(root, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'dot', ...files],
    {
      cwd: root,
      env: {
        ...process.env,
        // On another Node.js, tests that need a package compiled for it are skipped even in CI.
        ...(node !== process.execPath && { CI: '' }),
        TELEMACHINE_MATRIX: applications,
        ...(values.smoke && { TELEMACHINE_SMOKE: '1' }),
      },
      stdio: 'inherit',
    },
  )
  const seconds = Math.round((Date.now() - start) / 1000)
  report.push(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}, ${seconds} s`)
  if (status !== 0) process.exitCode = 1
}

await prepare()
mocha(process.execPath, `once, on Node.js ${process.version}`, once)
for (const major of values.node.split(',').map(Number)) {
  const node = nodeOf(major)
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
  // In a smoke run everything has just run on the Node.js that runs this.
  const own = values.smoke ? (node === process.execPath ? [] : smoke) : everything
  mocha(node, `Node.js ${version}`, [...own, ...onEach])
}
console.log(`\n${report.join('\n')}\n${Math.round((Date.now() - started) / 1000)} s in all`)
