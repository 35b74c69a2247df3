// Guards the conformance suite itself: an exporter that strays is found out, by the path that says so.
import assert from 'node:assert/strict'
import { type ExporterDefinition, mock, type TelemetryEvent } from '../../src/index.ts'
import { type ConformanceOptions, exporterConformance } from '../../src/testing/index.ts'

/** Long, until a test has broken what it waits for in vain: a busy machine must not be what it finds. */
let patienceMs = 10_000
const loosePatience = (): void => {
  patienceMs = 300
}

type Overrides = Partial<ExporterDefinition<never, never, TelemetryEvent>>

async function strays(
  overrides: Overrides,
  name: string,
  expected: RegExp,
  options: Partial<ConformanceOptions> = {},
): Promise<void> {
  const definition = { ...mock(), ...(overrides as object) }
  const paths = exporterConformance(definition, {
    events: () => [{ name: 'conformance.work' }],
    ...options,
    get patienceMs() {
      return patienceMs
    },
  })
  const path = paths.find((one) => one.name === name)
  assert.ok(path, `there is a path ${name}`)
  await assert.rejects(path.run(), (error) => {
    assert.ok(error instanceof assert.AssertionError, String(error))
    assert.match(error.message, expected)
    return true
  })
}

describe('the conformance suite finds an exporter that', () => {
  afterEach(() => {
    patienceMs = 10_000
  })

  it('cannot open', () =>
    strays(
      {
        open: () => {
          loosePatience()
          throw new Error('no')
        },
      },
      'starts, and describes itself, without an error',
      /not within 300 ms: it serves/,
    ))

  it('cannot describe itself', () =>
    strays(
      {
        describe: () => {
          throw new Error('no')
        },
      },
      'starts, and describes itself, without an error',
      /message: 'no'/,
    ))

  it('drops what it should deliver', () =>
    strays(
      { ingest: (_event, sink) => sink.drop('refused') },
      'delivers what it is given',
      /nothing is dropped/,
    ))

  it('says delivered and is not', () =>
    strays({}, 'delivers what it is given', /the backend received 0; delivered 50/, { received: () => 0 }))

  it('delivers twice', () => {
    let taken = 0
    return strays(
      {
        export: async (_client, batch) => {
          taken += 2 * batch.length
          return { type: 'delivered' }
        },
      },
      'delivers what it is given',
      /the backend received 100; delivered 50/,
      { received: () => taken },
    )
  })

  it('never answers', () =>
    strays(
      {
        export: () => {
          loosePatience()
          return new Promise(() => {})
        },
      },
      'flushes what would wait for more',
      /the flush is complete/,
    ))

  it('opens what it should refuse', () =>
    strays({}, 'goes on as before when a change cannot be opened', /Missing expected rejection/, {
      refused: () => ({ endpoint: 'bad' }),
    }))

  it('does not recover', () => {
    let down = false
    return strays(
      { export: async () => (down ? { type: 'retry', cause: 'down' } : { type: 'delivered' }) },
      'outlives an outage and delivers what waited',
      /not within 300 ms: everything is delivered/,
      {
        breakBackend: () => {
          down = true
        },
        repairBackend: loosePatience,
      },
    )
  })
})
