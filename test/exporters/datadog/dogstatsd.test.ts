// Guards what a local agent gets: DogStatsD datagrams, read by a parser of the tests' own, over UDP and a Unix socket.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TelemetryConfigError } from '../../../src/index.ts'
import { createFakeDatadog } from './fake.ts'
import { type SimulatedDatadog, startDatadog } from './simulated-datadog.ts'

interface Metric {
  readonly name: string
  readonly value: number
  readonly type: string
  readonly tags: readonly string[]
}

/** The datagram format of DogStatsD: lines of `name:value|type|#tag,tag`. Throws on anything else. */
function parse(datagram: string): Metric[] {
  return datagram
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^([A-Za-z][\w.]*):(-?[\d.]+(?:e[+-]?\d+)?)\|(c|g|d)(?:\|#([^|]+))?$/.exec(line)
      assert.ok(match, `no DogStatsD: ${JSON.stringify(line)}`)
      const [, name, value, type, tags = ''] = match as unknown as string[]
      return { name: name!, value: Number(value), type: type!, tags: tags === '' ? [] : tags.split(',') }
    })
}

interface Agent {
  readonly metrics: Metric[]
  readonly sizes: number[]
  close(): Promise<void>
}

const sumOf = (agent: Agent, name: string): number =>
  agent.metrics.filter((metric) => metric.name === name).reduce((sum, { value }) => sum + value, 0)

async function udpAgent(): Promise<Agent & { readonly port: number }> {
  const socket = createSocket('udp4')
  const metrics: Metric[] = []
  const sizes: number[] = []
  socket.on('message', (message) => {
    sizes.push(message.length)
    metrics.push(...parse(message.toString()))
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  return { metrics, sizes, port, close: async () => void socket.close() }
}

/** unix-dgram as hot-shots has it: an optional dependency, compiled where it is installed. */
interface UnixDatagram {
  createSocket(
    type: 'unix_dgram',
    receive: (message: Buffer) => void,
  ): { bind(path: string): void; close(): void; on(event: string, listener: () => void): void }
}

const load = (name: string): unknown => {
  try {
    return createRequire(import.meta.url)(name)
  } catch {
    return undefined
  }
}
const hotShots = load('hot-shots')
const unixDatagram = load('unix-dgram') as UnixDatagram | undefined

describe('datadog, to a local agent', () => {
  let running: SimulatedDatadog | undefined
  const start = async (init: Record<string, unknown>): Promise<SimulatedDatadog> => {
    running = await startDatadog({ transport: 'dogstatsd', ...init })
    return running
  }
  const emit = ({ telemetry }: SimulatedDatadog): void => {
    for (let i = 0; i < 300; i++)
      telemetry.emit('job.success', { count: 2, duration_ms: i }, { queue: `q${i % 30}` })
  }
  const assertAllArrived = async ({ clock, ledger }: SimulatedDatadog, agent: Agent): Promise<void> => {
    await clock.until(() => sumOf(agent, 'job.success.count') === 600)
    await clock.until(() => agent.metrics.filter(({ type }) => type === 'd').length === 300)
    assert.equal(sumOf(agent, 'job.success.duration_ms'), (299 * 300) / 2)
    assert.equal(ledger().delivered, 300)
    for (const { tags } of agent.metrics) assert.match(tags.join(), /^service:shop,team:core,queue:q\d+$/)
  }

  afterEach(async () => {
    await running?.telemetry.stop({ timeoutMs: 500 })
    running = undefined
  })

  describe('over UDP', () => {
    let agent: Awaited<ReturnType<typeof udpAgent>>
    before(function () {
      if (hotShots) return
      console.log('    skipped: hot-shots is not installed, DogStatsD over UDP is not tested')
      assert.ok(!process.env.CI, 'CI installs hot-shots')
      this.skip()
    })
    beforeEach(async () => {
      agent = await udpAgent()
    })
    afterEach(() => agent.close())

    it('sends counts, gauges and distributions with their tags, in datagrams that fit', async () => {
      const one = await start({ agent_port: agent.port, service: 'shop', tags: ['team:core'] })
      emit(one)
      await one.flush()
      await assertAllArrived(one, agent)
      assert.ok(agent.sizes.every((size) => size <= 1432))
      assert.ok(agent.sizes.length < 60)
      assert.match(String(one.telemetry.status().exporters.datadog?.client.url), /^udp:\/\/127\.0\.0\.1:\d+$/)
    })

    it('needs no key, takes the address from the variables of Datadog, and no tag twice', async () => {
      const variables = { DD_SERVICE: 'shop', DD_TAGS: 'team:core', DD_DOGSTATSD_PORT: String(agent.port) }
      // hot-shots reads them by itself.
      Object.assign(process.env, variables)
      try {
        running = await startDatadog({ transport: 'dogstatsd' }, { env: variables })
        emit(running)
        await running.flush()
        await assertAllArrived(running, agent)
      } finally {
        for (const name of Object.keys(variables)) delete process.env[name]
      }
    })

    it('can be switched to and from at runtime, and loses nothing', async () => {
      const fake = createFakeDatadog()
      await fake.listen()
      try {
        running = await startDatadog({ api_key: 'dd0123456789', api_url: fake.url, agent_port: agent.port })
        const { telemetry, flush, ledger } = running
        emit(running)
        await flush()
        emit(running)
        await telemetry.config.put('telemetry.datadog.transport', 'dogstatsd')
        await flush()
        emit(running)
        await flush()
        await telemetry.config.put('telemetry.datadog.transport', 'agentless')
        emit(running)
        await flush()
        await running.clock.until(
          () => fake.total('job.success.count') + sumOf(agent, 'job.success.count') === 2400,
        )
        assert.equal(ledger().delivered, 1200)
        assert.ok(sumOf(agent, 'job.success.count') > 0)
        assert.deepEqual(fake.violations, [])
      } finally {
        await fake.close()
      }
    })
  })

  describe('over a Unix socket', () => {
    let directory: string
    let path: string
    before(function () {
      if (hotShots && unixDatagram) return
      console.log(
        '    skipped: hot-shots or unix-dgram is not installed, DogStatsD over a Unix socket is not tested',
      )
      assert.ok(!process.env.CI, 'CI installs hot-shots, which compiles unix-dgram')
      this.skip()
    })
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'telemachine-'))
      path = join(directory, 'dsd.socket')
    })
    afterEach(() => rm(directory, { recursive: true }))

    const unixAgent = (): Agent => {
      const metrics: Metric[] = []
      const sizes: number[] = []
      const socket = unixDatagram!.createSocket('unix_dgram', (message) => {
        sizes.push(message.length)
        metrics.push(...parse(message.toString()))
      })
      socket.bind(path)
      return { metrics, sizes, close: async () => socket.close() }
    }

    it('sends everything', async () => {
      const agent = unixAgent()
      try {
        const one = await start({ socket_path: path, service: 'shop', tags: { team: 'core' } })
        emit(one)
        await one.flush()
        await assertAllArrived(one, agent)
        assert.ok(agent.sizes.every((size) => size <= 8192))
      } finally {
        await agent.close()
      }
    })

    it('keeps what is pending while there is no agent', async () => {
      const one = await start({ socket_path: path, service: 'shop', tags: ['team:core'] })
      const status = () => one.telemetry.status().exporters.datadog!
      assert.equal(status().state, 'retrying')
      assert.match(String(status().lastError?.message), /dsd\.socket/)
      emit(one)
      const agent = unixAgent()
      try {
        await one.clock.until(() => status().state === 'serving', { stepMs: 100 })
        await one.flush()
        await assertAllArrived(one, agent)
      } finally {
        await agent.close()
      }
    })
  })

  it('refuses an invalid port', async () => {
    await assert.rejects(startDatadog({ transport: 'dogstatsd', agent_port: 0 }), TelemetryConfigError)
  })
})
