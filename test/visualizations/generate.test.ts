/**
 * The committed pictures are those of the machines as they are now, to the byte; each state has exactly one
 * box, which a live page finds by its id; and the definitions are what they are taken from.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { type AnyStateMachine, type AnyStateNode, createMachine } from 'xstate'
import { generate, machines } from '../../visualizations/generate.ts'

const folder = new URL('../../visualizations/', import.meta.url)
const committed = (name: string): Promise<string> => readFile(new URL(name, folder), 'utf8')

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [
  node,
  ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode)),
]
const idsOf = (machine: AnyStateMachine): string[] => nodesOf(machine.root).map(({ id }) => id)
const occurrences = (text: string, part: string): number => text.split(part).length - 1

/** State ids with their event descriptors and targets: what a chart is, without its functions. */
const shapeOf = (machine: AnyStateMachine): unknown =>
  nodesOf(machine.root).map((node) => [
    node.id,
    node.type,
    [...node.transitions].map(([event, ways]) => [
      event,
      ways.map(({ target }) => target?.map(({ id }) => id)),
    ]),
    node.always?.map(({ target }) => target?.map(({ id }) => id)),
    node.invoke.map(({ src }) => src),
  ])

describe('visualizations', () => {
  let files: Map<string, string>
  before(async () => {
    files = await generate()
  })

  it('are four files per machine', () => {
    const expected = Object.keys(machines).flatMap((name) =>
      ['svg', 'mmd', 'json', 'machine.js'].map((kind) => `${name}.${kind}`),
    )
    assert.deepEqual([...files.keys()], expected)
  })

  it('come out as the run that was committed wrote them (else run: npm run diagrams)', async () => {
    for (const [name, content] of files) assert.equal(await committed(name), content, `${name} is stale`)
    const onDisk = (await readdir(folder)).filter((name) => /\.(svg|mmd|json|js)$/.test(name))
    assert.deepEqual(onDisk.sort(), [...files.keys()].sort())
  })

  it('show that the system spawns its exporters, and which branch commits and which aborts', () => {
    const svg = files.get('system.svg') ?? ''
    const box = (id: string): string =>
      svg.split('data-state=').find((part) => part.startsWith(`"${id}"`)) ?? ''
    assert.match(box('system'), /entry \/ spawnExporters/)
    assert.match(box('system.running.preparing'), /spawnExporters/)
    assert.match(box('system.running'), /actor crashed \/ respawnCrashed/)
    assert.match(box('system.running.settling.committing'), /entry: fitEndpoints, commitAll, stopSurplus/)
    assert.match(box('system.running.settling.aborting'), /entry \/ abortAll/)
    assert.match(svg, /data-to="system.running.settling.committing"[^>]*><title>\[allPrepared\]/)
    assert.match(svg, /data-to="system.running.settling.aborting"[^>]*><title>\[someRefused\]/)
  })

  for (const [name, machine] of Object.entries(machines))
    describe(`of the ${name}`, () => {
      const svg = (): string => files.get(`${name}.svg`) ?? ''

      it('have exactly one box for each state', () => {
        for (const id of idsOf(machine)) assert.equal(occurrences(svg(), `data-state="${id}"`), 1, id)
        assert.equal(occurrences(svg(), 'data-state="'), idsOf(machine).length)
      })

      it('fit a screen of 1440 x 900 with a text of at least 11 pixels', () => {
        const [, width, height] = svg().match(/<svg [^>]*viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"/) ?? []
        assert.ok(Number(width) <= 1440 && Number(height) <= 900, `${width} x ${height}`)
        assert.match(svg(), new RegExp(`width="${width}" height="${height}"`))
        const sizes = [...svg().matchAll(/font(?:-size)?:\s*([\d.]+)px/g)].map(([, size]) => Number(size))
        assert.ok(sizes.length >= 3 && Math.min(...sizes) >= 11, `${sizes}`)
        assert.doesNotMatch(svg(), /font-size="|scale\(/)
      })

      it('draw every line somewhere, and load nothing from elsewhere', () => {
        assert.doesNotMatch(svg(), /d=""|NaN|undefined|<script|@import|href=|src=/)
        assert.equal(occurrences(svg(), 'http'), 1, 'only the SVG namespace is an address')
      })

      it('let no label touch a box or another label', () => {
        const found = (pattern: RegExp): number[][] =>
          [...svg().matchAll(pattern)].map((match) => match.slice(1).map(Number))
        const leaves = found(
          /class="state leaf[^"]*"[^>]*><title>[^<]*<\/title><rect class="box" x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"/g,
        )
        const labels = found(/<g class="label" data-box="([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+)"/g)
        const meet = (
          [ax = 0, ay = 0, aw = 0, ah = 0]: number[],
          [bx = 0, by = 0, bw = 0, bh = 0]: number[],
        ): boolean => ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah
        labels.forEach((label, index) => {
          for (const leaf of leaves) assert.ok(!meet(label, leaf), `label ${label} lies on box ${leaf}`)
          for (const other of labels.slice(index + 1))
            assert.ok(!meet(label, other), `label ${label} lies on label ${other}`)
        })
        assert.ok(leaves.length > 0 && labels.length > 0)
      })

      it('name each state once in Mermaid', () => {
        const mermaid = files.get(`${name}.mmd`) ?? ''
        for (const id of idsOf(machine).slice(1))
          assert.equal(
            mermaid.split('\n').filter((line) => line.match(/ as (\w+)/)?.[1] === id.replaceAll('.', '_'))
              .length,
            1,
            id,
          )
        assert.doesNotMatch(mermaid, /^\s*--\s*$/m, 'Mermaid crashes on divided regions')
      })

      it('define the same chart in JSON, without a function', () => {
        const definition = JSON.parse(files.get(`${name}.json`) ?? '')
        assert.deepEqual(shapeOf(createMachine(definition)), shapeOf(machine))
      })

      it('define the same chart as a source that runs as it is', async () => {
        const source = (await import(new URL(`${name}.machine.js`, folder).href)) as Record<
          string,
          AnyStateMachine
        >
        assert.deepEqual(shapeOf(source[`${name}Machine`]!), shapeOf(machine))
      })
    })
})
