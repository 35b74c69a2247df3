// Guards what compilers make of the declarations: TypeScript 5.9 and 7, each way to resolve modules, each line of OTLP,
// and the tool that knows the mistakes of packages with two formats.
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packedTarball, root, runNode } from '../package/packed.ts'
import { applicationOf, isSmoke, lines, tool } from './places.ts'

const resolutions = [
  { module: 'node16', files: ['consumer.mts', 'consumer.cts'] },
  { module: 'nodenext', files: ['consumer.mts', 'consumer.cts', 'sdk.mts'] },
  { module: 'esnext', moduleResolution: 'bundler', files: ['consumer.ts'] },
  { module: 'commonjs', moduleResolution: 'node10', files: ['consumer.ts'] },
]

async function compile(
  folder: string,
  version: number,
  files: readonly string[],
  resolution: object,
): Promise<string> {
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: 'es2022', types: ['node'], typeRoots: [tool('@types')] },
    ...{ skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...resolution,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  return (await runNode(folder, tool(`typescript-${version}/bin/tsc`), '-p', '.')).stdout
}

describe('the declarations, in the matrix', function () {
  this.timeout(120_000)
  before(() => {
    for (const line of lines)
      for (const name of ['consumer', 'models'])
        for (const extension of ['mts', 'cts'])
          copyFileSync(
            join(root, `test/package/fixtures/${name}.ts`),
            join(applicationOf(line), `${name}.${extension}`),
          )
  })

  for (const version of [5, 7])
    for (const line of isSmoke ? [lines[0]] : lines)
      for (const { files, ...resolution } of resolutions) {
        // TypeScript 7 has no node10.
        if (version === 7 && resolution.moduleResolution === 'node10') continue
        const how = Object.values(resolution).join(', ')
        it(`compile with TypeScript ${version}, ${how} and the ${line.line} line of OTLP`, async () =>
          assert.equal(await compile(applicationOf(line), version, files, resolution), ''))

        it(`of machines and testing compile with TypeScript ${version}, ${how} and the ${line.line} line`, async () => {
          const models = files.flatMap((file) =>
            file.startsWith('consumer') ? [file.replace('consumer', 'models')] : [],
          )
          const lenient = { ...resolution, exactOptionalPropertyTypes: false }
          assert.equal(await compile(applicationOf(line), version, models, lenient), '')
        })
      }

  it('have no problem that attw knows, in any resolution', async () => {
    const cli = tool('@arethetypeswrong/cli/dist/index.js')
    const { code, stdout } = await runNode(root, cli, packedTarball(), '--format', 'json')
    const { analysis } = JSON.parse(stdout) as { analysis: { problems: unknown[]; entrypoints: object } }
    assert.deepEqual(analysis.problems, [])
    assert.ok(Object.keys(analysis.entrypoints).includes('./machines'))
    assert.equal(code, 0)
  })
})
