/** The key `spool` is one table: it is judged as a whole, takes its defaults, and is not for those from afar. */
import assert from 'node:assert/strict'
import { mock } from '../../src/exporters/mock.ts'
import { createTelemetry } from '../../src/index.ts'
import { createMemoryDisk } from '../support/memory-disk.ts'
import { quietLogger } from '../support/quiet-logger.ts'
import { createDriver } from '../support/scripted-driver.ts'
import { endSimulated, startSimulated } from '../support/simulated-telemetry.ts'

const directory = '/spool'

describe('the key spool', () => {
  afterEach(endSimulated)

  const wrong: readonly (readonly [value: unknown, message: RegExp])[] = [
    ['/spool', /must be a table of directory, mode, max_bytes, fsync/],
    [{}, /with the directory as a string/],
    [{ directory: '' }, /with the directory as a string/],
    [{ directory: `/${'x'.repeat(90)}` }, /a directory of at most 90 bytes/],
    [{ directory, mode: 'sometimes' }, /whose mode is one of overflow, always/],
    [{ directory, fsync: 'never' }, /whose fsync is one of batch, interval/],
    [{ directory, max_bytes: 1000 }, /whose max_bytes is a whole number from 1048576/],
    [{ directory, max_byte: 1e9 }, /only the keys directory, mode, max_bytes, fsync/],
  ]
  for (const [value, message] of wrong)
    it(`refuses ${JSON.stringify(value).slice(0, 60)}`, async () => {
      const telemetry = createTelemetry({
        types: [mock()],
        config: { init: { mock: { spool: value } as never }, env: {} },
        logger: quietLogger,
      })
      await assert.rejects(telemetry.start(), (error: Error) => {
        assert.match(error.message, /telemetry\.mock\.spool/)
        assert.match(error.message, message)
        return true
      })
      await telemetry.stop()
    })

  it('is refused by name for a type without pack and unpack', async () => {
    const rig = await startSimulated([createDriver().definition], { test: {} })
    await assert.rejects(
      rig.telemetry.config.put('test.spool', { directory }),
      /telemetry\.test\.spool: exporters of the type test cannot keep batches on disk/,
    )
  })

  it('cannot be set by the admin API or a remote source', async () => {
    const rig = await startSimulated([mock()], { mock: {} })
    await assert.rejects(
      rig.telemetry.config.putFrom('admin', { 'mock.spool': { directory } }),
      /telemetry\.mock\.spool .*is the path of a file/,
    )
  })

  it('takes its defaults, comes into force at once, and goes with null', async () => {
    const rig = await startSimulated([mock()], { mock: {} }, undefined, undefined, createMemoryDisk())
    const status = () => rig.telemetry.status().exporters.mock!
    assert.equal(status().spool, undefined)
    assert.equal(status().ledger.pending.spooled, undefined)
    await Promise.all([rig.telemetry.config.put('mock.spool', { directory }), rig.settle()])
    await rig.settle()
    assert.deepEqual(rig.telemetry.config.get('mock.spool'), {
      ...{ directory, mode: 'overflow', max_bytes: 1024 ** 3, fsync: 'batch' },
    })
    assert.equal(status().spool!.state, 'ready')
    assert.deepEqual(status().ledger.pending.spooled, 0)
    await Promise.all([rig.telemetry.config.put('mock.spool', null), rig.settle()])
    await rig.settle()
    assert.equal(status().spool!.state, 'off')
  })

  it('is the directory alone where it is a variable', async () => {
    const telemetry = createTelemetry({
      types: [mock()],
      config: { init: { mock: { enabled: false } }, env: { TELEMETRY_MOCK_SPOOL: directory } },
      logger: quietLogger,
    })
    await telemetry.start()
    assert.equal((telemetry.config.get('mock.spool') as { directory: string }).directory, directory)
    await telemetry.stop()
  })
})
