// Guards what compilers make of the declarations: TypeScript 5.9 and 7, each way to resolve modules, and the tool that
// knows the mistakes of packages with two formats.
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packedTarball, runNode } from '../package/packed.ts'
import { applicationOf, lines, tool } from './places.ts'

const application = applicationOf(lines[0])

const resolutions = [
  { module: 'node16', files: ['consumer.mts', 'consumer.cts'] },
  { module: 'nodenext', files: ['consumer.mts', 'consumer.cts'] },
  { module: 'esnext', moduleResolution: 'bundler', files: ['consumer.ts'] },
  { module: 'commonjs', moduleResolution: 'node10', files: ['consumer.ts'] },
]

describe('the declarations, in the matrix', function () {
  this.timeout(120_000)
  before(() => {
    for (const extension of ['mts', 'cts'])
      copyFileSync(join(application, 'consumer.ts'), join(application, `consumer.${extension}`))
  })

  for (const version of [5, 7])
    for (const { files, ...resolution } of resolutions) {
      // TypeScript 7 has no node10.
      if (version === 7 && resolution.moduleResolution === 'node10') continue
      it(`compile with TypeScript ${version} and ${Object.values(resolution).join(', ')}`, async () => {
        const compilerOptions = {
          ...{ strict: true, noEmit: true, target: 'es2022', types: ['node'], typeRoots: [tool('@types')] },
          ...{ skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
          ...resolution,
        }
        writeFileSync(join(application, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
        const { stdout } = await runNode(application, tool(`typescript-${version}/bin/tsc`), '-p', '.')
        assert.equal(stdout, '')
      })
    }

  it('have no problem that attw knows, in any resolution', async () => {
    const cli = tool('@arethetypeswrong/cli/dist/index.js')
    const { code, stdout } = await runNode(application, cli, packedTarball(), '--format', 'json')
    const { analysis } = JSON.parse(stdout) as { analysis: { problems: unknown[]; entrypoints: object } }
    assert.deepEqual(analysis.problems, [])
    assert.ok(Object.keys(analysis.entrypoints).includes('./machines'))
    assert.equal(code, 0)
  })
})
