/**
 * In a fresh folder with the packed package, every program of docs/model-testing.md compiles and does what the document
 * says; ten lines are enough to follow telemachine's charts, and ten for an exporter of one's own.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, type Ended, root, runNode } from './package/packed.ts'
import { freePort } from './support/ports.ts'
import { compileFile } from './support/programs.ts'

const text = readFileSync(join(root, 'docs/model-testing.md'), 'utf8')

/** By file name: the programs of the document. */
const programs = new Map(
  [...text.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```/gms)].map(([, name, program]) => [name!, program!]),
)

const linesOf = (name: string): readonly string[] =>
  programs
    .get(name)!
    .split('\n')
    .filter((line) => line.trim() !== '')

describe('the document on testing with models', () => {
  let folder: string

  before(async () => {
    folder = createApplication()
    const port = await freePort()
    for (const [name, program] of programs)
      writeFileSync(join(folder, name), program.replaceAll('3100', String(port)))
  })

  const run = (name: string): Promise<Ended> => runNode(folder, compileFile(join(folder, name)))
  const assertPasses = async (name: string): Promise<number> => {
    const { code, stdout, stderr } = await run(name)
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /fail 0$/m)
    return Number(/pass (\d+)$/m.exec(stdout)?.[1])
  }

  it('has programs that the compiler accepts', async () => {
    const compilerOptions = {
      ...{ strict: true, noEmit: true, target: 'es2022', module: 'nodenext', skipLibCheck: true },
      ...{
        types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')],
        allowImportingTsExtensions: true,
      },
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: [...programs.keys()] }),
    )
    const { stdout } = await runNode(folder, join(root, 'node_modules/typescript/bin/tsc'), '-p', '.')
    assert.equal(stdout, '')
  })

  it('follows the paths through a chart in ten lines', async () => {
    assert.ok(linesOf('paths.ts').length <= 10)
    const { code, stdout, stderr } = await run('paths.ts')
    assert.deepEqual([code, stderr], [0, ''])
    assert.ok(Number(/^(\d+) paths followed/.exec(stdout)?.[1]) > 50, stdout)
  })

  for (const chart of ['breaker', 'delivery', 'failover', 'system'])
    it(`follows the paths through the ${chart} chart in the same ten lines`, async () => {
      const program = programs.get('paths.ts')!.replaceAll('exporter', chart)
      // The system's children do nothing in the preset's machine.
      writeFileSync(join(folder, `${chart}.ts`), program.replace('(systemMachine,', '(preset.machine,'))
      const { code, stdout, stderr } = await run(`${chart}.ts`)
      assert.deepEqual([code, stderr], [0, ''])
      assert.ok(Number(/^(\d+) paths followed/.exec(stdout)?.[1]) > 10, stdout)
    })

  it('follows the life of an exporter of one’s own in ten lines', async () => {
    assert.ok(linesOf('loki.test.ts').length <= 10)
    assert.equal(await assertPasses('loki.test.ts'), 11)
  })

  it('fails for an exporter that misbehaves', async () => {
    const source = readFileSync(join(folder, 'loki.ts'), 'utf8')
    const broken = source.replace("ok ? { type: 'delivered' } :", '')
    writeFileSync(join(folder, 'broken.ts'), broken)
    const program = readFileSync(join(folder, 'loki.test.ts'), 'utf8')
    writeFileSync(join(folder, 'broken.test.ts'), program.replace('./loki.ts', './broken.ts'))
    const { code, stdout } = await run('broken.test.ts')
    assert.notEqual(code, 0)
    assert.match(stdout, /the answer of the backend/)
  })

  it('follows a model of one’s own', async () => {
    assert.equal(await assertPasses('outage.test.ts'), 2)
  })

  it('asserts coverage', async () => {
    assert.equal(await assertPasses('coverage.test.ts'), 1)
  })

  it('runs a chart alone', async () => {
    const { code, stdout, stderr } = await run('alone.ts')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /\{ working: 'asking' \}/)
    assert.match(stdout, /breaker < permit\.request/)
  })
})
