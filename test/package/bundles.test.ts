// Guards that a service and all it needs of telemachine can be bundled into one file with esbuild, as an ES module and
// as CommonJS, with no options but the usual ones, and runs where nothing is installed.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import { createApplication, createFolder, runNode } from './packed.ts'
import { assertWholeService } from './service.ts'

describe('a service bundled by esbuild', () => {
  let application: string
  before(() => {
    application = createApplication()
  })

  const bundle = async (name: string, options: BuildOptions): Promise<string> => {
    const folder = createFolder()
    const { warnings } = await build({
      absWorkingDir: application,
      entryPoints: ['service.mjs'],
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
      outfile: join(folder, name),
      ...options,
    })
    assert.deepEqual(warnings, [])
    return folder
  }

  it('runs as an ES module', async () => {
    const folder = await bundle('service.mjs', { format: 'esm' })
    assertWholeService(await runNode(folder, 'service.mjs'))
  })

  it('runs as CommonJS', async () => {
    const folder = await bundle('service.cjs', { format: 'cjs' })
    assertWholeService(await runNode(folder, 'service.cjs'))
  })

  it('runs minified', async () => {
    const folder = await bundle('service.mjs', { format: 'esm', minify: true })
    assertWholeService(await runNode(folder, 'service.mjs'))
  })

  it('sends to a local agent of Datadog', async () => {
    const folder = await bundle('dogstatsd.mjs', { format: 'esm', entryPoints: ['dogstatsd.mjs'] })
    const ended = await runNode(folder, 'dogstatsd.mjs')
    assert.deepEqual(ended, { code: 0, stdout: 'job.done.count:3|c\n', stderr: '' })
  })

  it('finds the Stately inspector where it is started, and says when it is missing', async () => {
    const folder = await bundle('inspect.cjs', { format: 'cjs', entryPoints: ['inspect.mjs'] })
    assert.equal((await runNode(folder, 'inspect.cjs')).stdout, 'INSPECT_UNAVAILABLE\n')
    const developer = createApplication('@statelyai/inspect')
    const ended = await runNode(developer, join(folder, 'inspect.cjs'))
    assert.deepEqual(ended, { code: 0, stdout: 'watching\n', stderr: '' })
  })

  it('has one copy of telemachine, although some files require it', async () => {
    const contents = `
      import { TelemetryError } from 'telemachine'
      console.log(require('telemachine').TelemetryError === TelemetryError)`
    const folder = await bundle('both.mjs', {
      format: 'esm',
      entryPoints: [],
      stdin: { contents, resolveDir: application },
    })
    assert.equal((await runNode(folder, 'both.mjs')).stdout, 'true\n')
  })
})
