/** `npm test`: the type checker, the build and the linter at the same time, then all tests, several files at a time. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { testFiles } from './affected.ts'
import { root } from './entries.ts'

/**
 * The files that take longest, those that mostly wait among them. They begin first, so that no process ends with one of
 * them while the others idle.
 */
const longest = [
  // It collects garbage before each measurement, which costs least while the process is small.
  'test/config/file-cost.test.ts',
  'test/admin/page-tools.test.ts',
  'test/cluster/workers.test.ts',
  'test/admin/page.test.ts',
  'test/nats/gateway.test.ts',
  'test/testing/presets.test.ts',
  'test/cluster/threads.test.ts',
  'test/model-testing-document.test.ts',
  'test/chaos/freeze.test.ts',
  'test/properties/canary.test.ts',
  'test/examples/queuemizer.test.ts',
  'test/interop/prometheus.test.ts',
  'test/leaks/process.test.ts',
  'test/documents/deployment.test.ts',
  'test/exporters/otel/credentials.test.ts',
  'test/readme.test.ts',
  'test/documents/recipes.test.ts',
  'test/machines/walks.test.ts',
  'test/nats/identity.test.ts',
  'test/leaks/flips.test.ts',
]

/** What all test processes of this run share: see test/package/packed.ts. */
const packed = mkdtempSync(join(tmpdir(), 'telemachine-packed-'))
process.on('exit', () => rmSync(packed, { recursive: true, force: true }))

/** Runs a program of this repository; resolves with whether it succeeded. */
async function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  const [code] = await once(
    spawn(process.execPath, [join(root, program), ...args], {
      ...{ cwd: root, stdio: 'inherit', env: { ...process.env, TELEMACHINE_PACKED: packed } },
    }),
    'exit',
  )
  return code === 0
}

const checks = await Promise.all([
  succeeds('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'),
  succeeds('node_modules/tsx/dist/cli.mjs', 'scripts/build.ts'),
  succeeds('node_modules/@biomejs/biome/bin/biome', 'ci', '.'),
])
if (checks.includes(false)) process.exit(1)

// Two more than there are cores: tests also wait for servers, browsers and processes of their own.
const jobs = Math.max(4, Math.min(6, availableParallelism() + 2))
const others = testFiles().filter((file) => !longest.includes(file))
const passed = await succeeds(
  'node_modules/mocha/bin/mocha.js',
  ...['--parallel', '--jobs', String(jobs), ...longest, ...others],
)
if (!passed) process.exit(1)
