import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { gzipSync } from 'node:zlib'

/**
 * The load generator, a process of its own: `load.ts <url> <jobs per second>`. Tells its parent over IPC what it did
 * each second; ends when it is told `stop`, or when the parent is gone.
 */
export interface LoadReport {
  readonly posted: number
  /** Answered, but not with 2xx. */
  readonly refused: number
  /** Not answered. */
  readonly failed: number
}

const [url = '', rate = '0'] = process.argv.slice(2)
const mostOutstanding = 100
const agent = new Agent({ keepAlive: true, maxSockets: 16 })
const report = { posted: 0, refused: 0, failed: 0 }

const words = ['queue', 'mail', 'invoice', 'résumé', 'report', 'thumbnail', 'export', '世界', 'nightly']
const text = (bytes: number): Buffer => {
  const parts: string[] = []
  for (let length = 0; length < bytes; length += parts.at(-1)!.length)
    parts.push(`${words[Math.floor(Math.random() * words.length)]} ${randomBytes(2).toString('hex')} `)
  return Buffer.from(parts.join(''))
}

/** Bodies made once: the load is to load the service, not itself. */
const bodies = Array.from({ length: 64 }, (_, i) => {
  const plain = text(1_000 + i * 100)
  return { packed: gzipSync(plain), plain, sha256: createHash('sha256').update(plain).digest('hex') }
})

/** About one body in 25 is cut or damaged, as networks and disks do. */
function spoil(body: Buffer): Buffer {
  const chance = Math.random()
  if (chance < 0.02) return body.subarray(0, body.length >> 1)
  if (chance > 0.04) return body
  const damaged = Buffer.from(body)
  damaged[damaged.length >> 1]! ^= 0xff
  return damaged
}

interface Reply {
  readonly status: number
  readonly body: string
}

const send = (method: string, path: string, body?: Buffer, headers: Record<string, string> = {}) =>
  new Promise<Reply>((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { method, agent, headers, timeout: 5_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      response.on('error', reject)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')))
    outgoing.on('error', reject)
    outgoing.end(body)
  })

async function postJob(): Promise<void> {
  const { packed, plain, sha256 } = bodies[Math.floor(Math.random() * bodies.length)]!
  const reply = await (Math.random() < 0.5
    ? send('POST', '/jobs?kind=compress', spoil(packed))
    : send('POST', '/jobs?kind=hash', spoil(plain), { 'x-sha256': sha256 }))
  report.posted += 1
  if (reply.status !== 202) report.refused += 1
  else if (Math.random() < 0.1) await send('GET', JSON.parse(reply.body).at)
}

const outstanding = new Set<Promise<void>>()
let owed = 0
let last = performance.now()

const pace = setInterval(() => {
  const now = performance.now()
  owed = Math.min(owed + ((now - last) / 1000) * Number(rate), Number(rate))
  last = now
  for (; owed >= 1 && outstanding.size < mostOutstanding; owed -= 1) {
    const job: Promise<void> = postJob()
      .catch(() => {
        report.failed += 1
      })
      .finally(() => outstanding.delete(job))
    outstanding.add(job)
  }
}, 20)
const tell = (): void => {
  if (process.connected) process.send?.({ ...report })
}
const reporting = setInterval(tell, 1_000)

let stopping = false
async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  clearInterval(pace)
  clearInterval(reporting)
  await Promise.all(outstanding)
  agent.destroy()
  tell()
  if (process.connected) process.disconnect()
}

// Ctrl-C reaches the whole group; the parent says when to end.
process.on('SIGINT', () => {})
process.on('message', () => void stop())
process.on('disconnect', () => void stop())
