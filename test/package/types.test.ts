// Guards that the declarations compile in a user's program that checks its libraries (no `skipLibCheck`), under
// `exactOptionalPropertyTypes`, from ES modules, from CommonJS and for a bundler.
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, root, runNode } from './packed.ts'

const compiler = join(root, 'node_modules/typescript/bin/tsc')

describe('the declarations', () => {
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
    const output = await compile({ module: 'nodenext', exactOptionalPropertyTypes: false }, 'models.ts')
    assert.equal(output, '')
  })

  it('of these have no error but those of one file of XState, under exactOptionalPropertyTypes', async () => {
    // When XState has none any more, docs/package.md can say so, and models.ts compiles as consumer.ts does.
    const output = await compile({ module: 'nodenext' }, 'models.ts')
    const files = [...output.matchAll(/^(\S.*)\(\d+,\d+\): error/gm)].map(([, file]) => file!)
    assert.equal(files.length, 5, output)
    for (const file of files)
      assert.match(file, /node_modules\/xstate\/dist\/declarations\/src\/setup\.d\.ts$/)
  })
})
