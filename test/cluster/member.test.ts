// Guards that a member that is asked to report at the moment it is welcomed reports before it answers: what it has counted
// is otherwise not on the page, and nobody is late.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listenAt } from '../../src/cluster/address.ts'
import { connectToHub } from '../../src/cluster/member.ts'

describe('a member that is asked along with its welcome', () => {
  it('is asked once it is connected', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'telemachine-member-'))
    const address = join(folder, 'hub')
    const messages = [
      { type: 'welcome', lineage: 'one', seq: 0, facts: {} },
      { type: 'ask', n: 1 },
    ]
    const server = createServer((socket) => {
      socket.write(messages.map((one) => `${JSON.stringify(one)}\n`).join(''))
    })
    await listenAt(server, address)
    let isConnected = false
    let asked: (isConnected: boolean) => void = () => {}
    const wasConnected = new Promise<boolean>((resolve) => {
      asked = resolve
    })
    const connection = await connectToHub({
      claim: { epoch: 1, address, token: 't' },
      self: () => ({ id: 'a', label: 'a', pid: process.pid }),
      serves: () => false,
      asked: async () => asked(isConnected),
      lost: () => {},
    })
    isConnected = true
    assert.equal(await wasConnected, true)
    connection!.leave()
    server.close()
    rmSync(folder, { recursive: true })
  })
})
