// Guards that nobody joins a hub that closes: its process may live on, and its members would wait for it for ever.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock.ts'
import { type Claim, readClaim } from '../../src/cluster/claims.ts'
import { type Hub, openHub } from '../../src/cluster/hub.ts'
import { connectToHub, type HubConnection } from '../../src/cluster/member.ts'
import { inTime } from '../support/in-time.ts'

describe('a hub that closes', () => {
  let folder: string
  let hub: Hub
  let claim: Claim

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'telemachine-hub-'))
    const opened = await openHub({
      ...{ folder, epoch: 1, clock: createSystemClock() },
      totals: { add: () => {}, set: () => {}, forget: () => {}, sums: () => [] },
      render: async () => [],
      facts: () => ({}),
      self: () => ({ id: 'hub', label: 'hub', pid: process.pid }),
    })
    hub = opened!
    claim = (await readClaim(folder))!
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const joinHub = (lost: () => void): Promise<HubConnection | undefined> =>
    connectToHub({
      ...{ claim, lost },
      self: () => ({ id: 'member', label: 'member', pid: process.pid }),
      serves: () => false,
      asked: async () => {},
    })

  it('keeps no member that joins meanwhile', async () => {
    const lost = new Promise<void>((resolve) => {
      const joining = joinHub(resolve)
      joining.then((connection) => connection === undefined && resolve())
    })
    const closed = hub.close()
    await inTime(60_000, 'the end of the hub', closed)
    await inTime(60_000, 'the end of the connection', lost)
  })

  it('waits for no connection that says nothing', async () => {
    const silent = await new Promise<Socket>((resolve) => {
      const socket = connect({ path: claim.address }, () => resolve(socket))
    })
    const ended = new Promise((resolve) => silent.once('close', resolve))
    silent.resume()
    // It is the hub's as soon as one that came later has been welcomed.
    assert.ok(await joinHub(() => {}))
    await inTime(60_000, 'the end of the hub', hub.close())
    await inTime(60_000, 'the end of the connection', ended)
  })
})
