// Guards what a remote source hears of its documents: each is reported once, in force or refused, then the states of
// exporters, and the end with its final ledgers. A source that fails at that harms nobody.
import assert from 'node:assert/strict'
import { type ConfigOutcome, type ConfigSource, createTelemetry, mock } from '../../src/index.ts'
import { quietLogger } from '../support/quiet-logger.ts'

function reporting(first: Record<string, unknown>) {
  const outcomes: ConfigOutcome[] = []
  const statuses: { system: string; exporters: Record<string, { ledger: { delivered: number } }> }[] = []
  let tell = (_document: Record<string, unknown>): void => {}
  let heard = (): void => {}
  const source: ConfigSource = {
    load: () => first,
    watch: (onChange) => {
      tell = onChange
      return () => {}
    },
    report: async (outcome, status) => {
      outcomes.push(outcome)
      statuses.push(status() as (typeof statuses)[number])
      heard()
      throw new Error('it fails at that')
    },
  }
  return {
    source,
    outcomes,
    statuses,
    tell: (document: Record<string, unknown>) => tell(document),
    /** Resolves when an outcome of this type was heard. */
    until: (type: ConfigOutcome['type']) =>
      new Promise<void>((resolve) => {
        heard = () => {
          if (outcomes.some((outcome) => outcome.type === type)) resolve()
        }
        heard()
      }),
  }
}

const start = async (source: ConfigSource) => {
  const telemetry = createTelemetry({
    types: [mock()],
    logger: quietLogger,
    config: { env: {}, init: { mock: {} }, remote: [source] },
  })
  await telemetry.start()
  return telemetry
}

describe('the reports to a remote source', () => {
  it('say which documents are in force, and why one is refused', async () => {
    const first = { mock: { batch_size: 7 } }
    const bad = { mock: { batch_size: 0 } }
    const { source, outcomes, tell, until } = reporting(first)
    const telemetry = await start(source)
    assert.deepEqual(outcomes[0], { type: 'applied', document: first })
    tell(bad)
    await until('refused')
    const refused = outcomes.find(({ type }) => type === 'refused')
    assert.ok(refused?.type === 'refused')
    assert.equal(refused.document, bad)
    assert.match(refused.problems[0]?.message ?? '', /batch_size .* is 0, but must be/)
    assert.equal(telemetry.config.get('mock.batch_size'), 7)
    await telemetry.stop()
  })

  it('say so of a document that is refused at the start', async () => {
    const { source, outcomes } = reporting({ mock: { batch_size: 'many' } })
    const telemetry = await start(source)
    assert.equal(outcomes[0]?.type, 'refused')
    await telemetry.stop()
  })

  it('tell of states, and of the end with its final ledgers', async () => {
    const { source, outcomes, statuses, until } = reporting({})
    const telemetry = await start(source)
    telemetry.breaker('mock').forceOpen()
    await until('state')
    telemetry.breaker('mock').reset()
    telemetry.emit('job.done')
    const { exporters } = await telemetry.stop()
    assert.equal(outcomes.at(-1)?.type, 'stopped')
    assert.equal(outcomes.filter(({ type }) => type === 'stopped').length, 1)
    assert.equal(statuses.at(-1)?.exporters.mock?.ledger.delivered, exporters.mock?.delivered)
    assert.ok((exporters.mock?.delivered ?? 0) > 0)
  })
})
