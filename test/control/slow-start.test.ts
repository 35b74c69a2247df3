// An application that blocks its event loop while it starts, because it loads its modules, finds its exporters open.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createTelemetry, mock } from '../../src/index.ts'
import { blockEventLoop } from '../chaos/other-thread.ts'

describe('a start', () => {
  const startWith = async (open: () => Promise<void>) => {
    const telemetry = createTelemetry({
      types: [mock({ open })],
      drainOnExit: false,
      config: { env: {}, init: { mock: {} } },
    })
    await telemetry.start()
    const { state } = telemetry.status().exporters.mock!
    await telemetry.stop({ timeoutMs: 100 })
    return state
  }

  it('waits for clients that open soon after a blocked event loop goes on', async () => {
    const state = await startWith(async () => {
      await pause(1)
      blockEventLoop(1_200)
      for (let turn = 0; turn < 3; turn += 1) await pause(1)
    })
    assert.equal(state, 'serving')
  })

  it('does not wait for a client that never opens', async () => {
    assert.equal(await startWith(() => new Promise(() => {})), 'opening')
  })
})
