// Guards that npm can install the package on a machine that has nothing but Node.js, npm and git: from a clone in each
// way that npm knows, and from a tarball.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFolder, packedTarball, root, runNode } from '../package/packed.ts'
import { createBareMachine } from './bare-machine.ts'
import { isSmoke } from './places.ts'

/** As `git clone` leaves it: what is committed, or would be. */
function createClone(): string {
  const clone = createFolder()
  const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files = names.split('\0').filter((name) => name !== '' && !name.startsWith('bench/'))
  for (const name of files) cpSync(join(root, name), join(clone, name))
  return clone
}

/** `npm install <what>` in a new folder of a machine that has never seen this repository. */
function install(...what: readonly string[]): string {
  const folder = createFolder()
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const { status, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', ...what], {
    cwd: folder,
    env: createBareMachine(),
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  assert.equal(status, 0, stderr)
  return folder
}

async function works(folder: string): Promise<void> {
  const script = `
    const { createTelemetry, mock } = require('telemachine')
    const { createAdmin } = require('telemachine/admin')
    const telemetry = createTelemetry({ config: { env: {}, init: { otel: {}, prometheus: { port: 0 } } } })
    import('telemachine').then(async (imported) => {
      await telemetry.start()
      console.log(imported.createTelemetry === createTelemetry, telemetry.status().exporters.prometheus.state)
      await telemetry.stop()
    })`
  const ended = await runNode(folder, '-e', script)
  assert.deepEqual(ended, { code: 0, stdout: 'true serving\n', stderr: '' })
}

describe('npm install', function () {
  this.timeout(300_000)

  it('of a clone links it, built and with what it needs, without its tools; and does not build twice', async () => {
    const clone = createClone()
    await works(install(clone))
    assert.ok(!readdirSync(join(clone, 'node_modules')).includes('typescript'))
    const trace = join(clone, 'dist/of-the-first-build')
    writeFileSync(trace, '')
    await works(install(clone))
    assert.ok(existsSync(trace))
  })

  it('of the tarball, with its command', async () => {
    const folder = install(packedTarball())
    await works(folder)
    const { code, stdout } = await runNode(
      folder,
      'node_modules/.bin/telemachine',
      'explain',
      'otel.batch_size',
    )
    assert.equal(code, 0)
    assert.match(stdout, /^telemetry\.otel\.batch_size /)
  })

  it('of an unpacked tarball, which has nothing to build from', async () => {
    const unpacked = createFolder()
    execFileSync('tar', ['-xzf', packedTarball(), '-C', unpacked, '--strip-components=1'])
    await works(install('--install-links', unpacked))
  })

  // Each builds the clone once more, for npm alone.
  const unlessSmoke = isSmoke ? it.skip : it

  unlessSmoke('of a clone copies it, if told to', async () =>
    works(install('--install-links', createClone())),
  )

  unlessSmoke('of a Git repository', async () => {
    const clone = createClone()
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org']
    for (const args of [
      ['init', '-q'],
      ['add', '-A'],
      [...identity, 'commit', '-qm', 'All'],
    ])
      execFileSync('git', args, { cwd: clone })
    await works(install(`git+file://${clone}`))
  })
})
