/** docs/self-telemetry.md names every event that telemachine emits about itself, with exactly the fields it has. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { packEvents, unpackEvents } from '../src/exporters/event-packing.ts'
import { createMemoryDisk } from './support/memory-disk.ts'
import { createDriver, down } from './support/scripted-driver.ts'
import { endSimulated, startSimulated } from './support/simulated-telemetry.ts'

const text = readFileSync(new URL('../docs/self-telemetry.md', import.meta.url), 'utf8')

interface Row {
  readonly measurements: readonly string[]
  readonly metadata: readonly string[]
}

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!).sort()

const rowsOf = (heading: string): string[][] =>
  text
    .split(`## ${heading}\n`)[1]!
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1))

/** Makes each of the events happen; returns by name the fields that were seen. */
async function provoke(): Promise<Record<string, Row>> {
  const seen: Record<string, { measurements: Set<string>; metadata: Set<string> }> = {}
  const driver = createDriver('test', { pack: packEvents, unpack: unpackEvents })
  const other = createDriver()
  const several = {
    ...other.definition,
    type: 'several',
    schema: {
      ...other.definition.schema,
      endpoints: {
        format: 'http-urls',
        default: null,
        nullable: true,
        insteadOf: 'endpoint',
        change: 'rebuild',
        doc: 'URLs.',
      },
    },
  } as const
  other.reply = () => down
  const init = {
    several: {
      endpoints: ['http://a.example/', 'http://b.example/'],
      ...{ event_patterns: ['app.*'], flush_interval: 0.1, failure_threshold: 1 },
    },
    test: {
      event_patterns: ['app.*'],
      flush_interval: 0.1,
      failure_threshold: 1,
      max_age: 1,
      reset_timeout: 1,
    },
  }
  const rig = await startSimulated(
    [driver.definition, several],
    init,
    undefined,
    undefined,
    createMemoryDisk(),
  )
  rig.telemetry.attach('audit', 'telemetry.*', ({ name, measurements, metadata }) => {
    seen[name] ??= { measurements: new Set(), metadata: new Set() }
    for (const key of Object.keys(measurements)) seen[name].measurements.add(key)
    for (const key of Object.keys(metadata)) seen[name].metadata.add(key)
  })
  rig.telemetry.attach('broken', 'app.*', () => {
    throw new Error('it throws')
  })
  driver.reply = () => down
  await rig.telemetry.config.put('test.spool', { directory: '/spool' })
  rig.emit(3)
  await rig.pass(5)
  await Promise.all([rig.telemetry.config.put('test.endpoint', 'two'), rig.settle()])
  await assert.rejects(rig.telemetry.config.put('test.batch_size', -1))
  await rig.pass(5)
  return Object.fromEntries(
    Object.entries(seen).map(([name, { measurements, metadata }]) => [
      name,
      { measurements: [...measurements].sort(), metadata: [...metadata].sort() },
    ]),
  )
}

describe('the document on self-telemetry', () => {
  afterEach(endSimulated)

  it('lists each event with its measurements and its metadata, and no other', async () => {
    const documented = Object.fromEntries(
      rowsOf('The events').map(([name, , measurements, metadata]) => [
        namesIn(name!)[0],
        { measurements: namesIn(measurements!), metadata: namesIn(metadata!) },
      ]),
    )
    assert.deepEqual(await provoke(), documented)
  })

  it('explains each field that an event has, and no other', () => {
    const explained = new Set(rowsOf('What they hold').flatMap(([fields]) => namesIn(fields!)))
    const listed = new Set(rowsOf('The events').flatMap(([, , ...cells]) => cells.flatMap(namesIn)))
    assert.deepEqual([...explained].sort(), [...listed].sort())
  })
})
