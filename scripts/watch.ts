/**
 * Runs tests again when a file changes:
 *
 *     npm run watch                  the tests that import the changed file, directly or through others
 *     npm run watch -- test/bus      all tests of a folder or file, whatever changes
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { join } from 'node:path'
import { affectedTests } from './affected.ts'
import { root } from './entries.ts'

const folders = ['src', 'machines', 'test', 'examples', 'visualizations', 'docs', 'scripts']
/** Editors write a file in several steps. */
const settleMs = 100

const given = process.argv.slice(2)
const changed = new Set<string>()
let running: ChildProcess | undefined

async function mocha(specs: readonly string[]): Promise<void> {
  if (specs.length === 0) return console.log('No test imports what changed.')
  running = spawn(process.execPath, [join(root, 'node_modules/mocha/bin/mocha.js'), ...specs], {
    cwd: root,
    stdio: 'inherit',
  })
  await once(running, 'exit')
  running = undefined
}

const specsOf = (path: string): string => (path.endsWith('.ts') ? path : `${path}/**/*.test.ts`)

async function test(): Promise<void> {
  const files = [...changed]
  changed.clear()
  console.log(`\n${files.join(' ')}`)
  await mocha(given.length > 0 ? given.map(specsOf) : await affectedTests(files))
}

let timer: NodeJS.Timeout | undefined
let tests = Promise.resolve()
for (const folder of folders)
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    if (name === null || name.endsWith('~')) return
    changed.add(`${folder}/${name.replaceAll('\\', '/')}`)
    clearTimeout(timer)
    timer = setTimeout(() => {
      // A newer change makes the run under way pointless.
      running?.kill()
      tests = tests.then(test).catch((error: Error) => console.error(error.message))
    }, settleMs)
  })
console.log(`Watching ${folders.join(', ')}.`)
