// Guards that the declarations compile in a user's program that checks its libraries (no `skipLibCheck`), under
// `exactOptionalPropertyTypes`, from ES modules, from CommonJS and for a bundler.
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, root, runNode } from './packed.ts'

const compiler = join(root, 'node_modules/typescript/bin/tsc')

describe('the declarations', function () {
  this.timeout(60_000)
  let application: string
  before(() => {
    application = createApplication()
    for (const extension of ['mts', 'cts'])
      copyFileSync(join(application, 'consumer.ts'), join(application, `consumer.${extension}`))
  })

  const compile = async (compilerOptions: object, ...files: string[]): Promise<string> => {
    const options = {
      ...{ strict: true, noEmit: true, target: 'es2022', lib: ['es2023'], types: ['node'] },
      ...{ skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      typeRoots: [join(root, 'node_modules/@types')],
      ...compilerOptions,
    }
    writeFileSync(join(application, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }))
    return (await runNode(application, compiler, '-p', '.')).stdout
  }

  it('compile as seen from an ES module and from CommonJS', async () => {
    assert.equal(await compile({ module: 'nodenext' }, 'consumer.mts', 'consumer.cts'), '')
  })

  it('compile for a bundler', async () => {
    assert.equal(await compile({ module: 'esnext', moduleResolution: 'bundler' }, 'consumer.ts'), '')
  })

  it('of the machines and of what tests need compile wherever XState’s own do', async () => {
    writeFileSync(
      join(application, 'machines.ts'),
      "import { breakerMachine } from 'telemachine/machines'\n" +
        "import { createBackend, lifecycleModel } from 'telemachine/testing'\n" +
        'export const { id } = breakerMachine\n' +
        'export const [model, backend] = [lifecycleModel, createBackend()]\n',
    )
    const output = await compile({ module: 'nodenext', exactOptionalPropertyTypes: false }, 'machines.ts')
    assert.equal(output, '')
  })
})
