/** `npm test`: the type checker, the build and the linter at the same time, then all tests, several files at a time. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from './entries.ts'

/** Runs a program of this repository; resolves with whether it succeeded. */
async function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  const [code] = await once(
    spawn(process.execPath, [join(root, program), ...args], { cwd: root, stdio: 'inherit' }),
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

// At least two: tests also wait for servers, browsers and processes of their own.
const jobs = Math.max(2, Math.min(4, availableParallelism()))
if (
  !(await succeeds(
    'node_modules/mocha/bin/mocha.js',
    '--parallel',
    '--jobs',
    String(jobs),
    'test/**/*.test.ts',
  ))
)
  process.exit(1)
