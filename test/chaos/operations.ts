import { rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { hostileFields, hostileNames, hostileValue } from './hostile-values.ts'
import type { Random } from './random.ts'
import type { Mood } from './receiver.ts'
import { fileOf, type World } from './world.ts'

/** What a schedule consists of. */
export interface Operation {
  readonly name: string
  act(world: World): unknown
}

type Weighted = readonly [weight: number, operation: Operation]
const operation = (weight: number, name: string, act: Operation['act']): Weighted => [weight, { name, act }]

const pushers = ['otel_a', 'otel_tls', 'otel_package', 'datadog', 'mock'] as const
const spanExporters = ['otel_a', 'otel_tls', 'otel_package'] as const
const exporters = [...pushers, 'prometheus'] as const

/** How long a change may take: clients open and close, the drain of one that is added again, others before it. */
const changeMs = 30_000

const put = ({ telemetry, watch }: World, changes: Record<string, unknown>): unknown =>
  watch.follow(`put ${JSON.stringify(changes).slice(0, 200)}`, changeMs, telemetry.config.put(changes))

/** A change of a hot key of some exporter. */
const hot = (weight: number, key: string, value: (random: Random) => unknown): Weighted =>
  operation(weight, `put ${key}`, (world) =>
    put(world, { [`${world.random.pick(pushers)}.${key}`]: value(world.random) }),
  )

export const urlFor = ({ random, receivers, nowhere }: World, id: (typeof spanExporters)[number]): string =>
  random.chance(0.3) ? random.pick(nowhere) : `${random.pick(receivers[id]!).url}?n=${random.int(0, 3)}`

const emitSpans = ({ telemetry, random, counts }: World, count: number): void => {
  for (let i = 0; i < count; i += 1) {
    counts.correlation += 1
    const id = counts.correlation
    const name = random.pick(['job.a', 'job.b', 'job.c'])
    telemetry.emit(`${name}.start`, { n: i }, { correlation_id: id, text: 'x'.repeat(random.int(0, 200)) })
    telemetry.emit(`${name}.${random.chance(0.9) ? 'success' : 'error'}`, {}, { correlation_id: id })
  }
  counts.events += 2 * count
}
const emitMetrics = ({ telemetry, random, counts }: World, count: number): void => {
  for (let i = 0; i < count; i += 1)
    if (random.chance(0.5)) telemetry.emit('dd.hit', { count: 1 }, { host: `h${random.int(0, 9)}` })
    else telemetry.emit('dd.took', { duration_ms: random.int(0, 5_000) }, { route: `/r${random.int(0, 9)}` })
  counts.events += count
}

/** The page of the Prometheus exporter, if it is served just now. */
export function scrape(world: World): Promise<string | undefined> {
  const { port, path = '/metrics' } = (world.telemetry.status().exporters.prometheus?.client ?? {}) as {
    port?: number
    path?: string
  }
  if (port === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const asked = get({ host: '127.0.0.1', port, path, agent: false, timeout: 5_000 }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(response.statusCode === 200 ? text : undefined))
      response.on('error', () => resolve(undefined))
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(undefined))
  })
}

const refusedChanges: readonly Record<string, unknown>[] = [
  { 'otel_a.batch_sise': 5 },
  { 'otel_a.batch_size': Number.NaN },
  { 'otel_a.endpoint': 'ftp://x' },
  { 'otel_a.endpoint': 'http://user:pass@x/' },
  { 'nobody.type': 'unknown' },
  { 'otel_a.headers': { host: 'x' } },
  { '__proto__.polluted': true },
  { 'otel_a.batch_size': 3, 'mock.queue_size': 'many' },
  { 'otel_tls.certificate': '/nowhere/ca.pem', 'mock.endpoint': 'mock://elsewhere' },
  { 'prometheus.port': 1, 'otel_a.batch_size': 9 },
]

export const operations: readonly Weighted[] = [
  operation(30, 'spans', (world) => emitSpans(world, world.random.int(1, 30))),
  operation(14, 'metrics', (world) => emitMetrics(world, world.random.int(1, 30))),
  operation(4, 'a burst', (world) => {
    emitSpans(world, world.random.int(200, 2_500))
    emitMetrics(world, world.random.int(100, 1_000))
  }),
  operation(8, 'hostile events', ({ telemetry, random, counts }) => {
    for (let i = 0; i < 10; i += 1)
      telemetry.emit(
        (random.chance(0.3)
          ? random.pick(hostileNames)
          : random.pick(['job.h.start', 'job.h.error', 'm.h', 'job.a'])) as string,
        hostileFields(random) as never,
        hostileFields(random) as never,
      )
    counts.events += 10
  }),
  operation(3, 'span()', ({ telemetry, random, watch, counts }) => {
    counts.events += 2
    const fails = random.chance(0.3)
    return watch.follow(
      'span()',
      5_000,
      telemetry.span('job.own', { n: 1 }, async () => {
        await new Promise((resolve) => setTimeout(resolve, random.int(0, 20)))
        if (fails) throw hostileValue(random)
      }),
    )
  }),
  operation(2, 'a start without an end', ({ telemetry, counts }) => {
    counts.correlation += 1
    counts.events += 1
    telemetry.emit('job.open.start', {}, { correlation_id: `open ${counts.correlation}` })
  }),

  operation(14, 'a mood', ({ random, receivers, mock }) => {
    const mood = random.choose<Mood>([
      [3, 'healthy'],
      [3, 'mixed'],
      [3, 'hostile'],
    ])
    random.pick(Object.values(receivers).flat()).mood(mood)
    if (random.chance(0.3)) mock.hostile = mood !== 'healthy'
  }),
  operation(3, 'a port closes, or opens', ({ random, receivers, watch }) =>
    watch.follow('refuse', 15_000, random.pick(Object.values(receivers).flat()).refuse(random.chance(0.6))),
  ),
  operation(3, 'connections are cut', ({ random, receivers }) =>
    random.pick(Object.values(receivers).flat()).cut(),
  ),

  operation(8, 'put endpoint', (world) => {
    const id = world.random.pick(spanExporters)
    return put(world, { [`${id}.endpoint`]: urlFor(world, id) })
  }),
  operation(2, 'put several endpoints', (world) =>
    put(world, Object.fromEntries(spanExporters.map((id) => [`${id}.endpoint`, urlFor(world, id)]))),
  ),
  operation(5, 'put enabled', (world) =>
    put(world, { [`${world.random.pick(exporters)}.enabled`]: world.random.chance(0.55) }),
  ),
  operation(2, 'put headers', (world) =>
    put(world, {
      [`${world.random.pick(spanExporters)}.headers`]: { authorization: `Bearer ${world.random.int(0, 9)}` },
    }),
  ),
  operation(2, 'put api_url', (world) =>
    put(world, { 'datadog.api_url': `${world.receivers.datadog![0]!.url}/p${world.random.int(0, 3)}` }),
  ),
  operation(1, 'put api_key', (world) => put(world, { 'datadog.api_key': `key-${world.random.int(0, 9)}` })),
  operation(2, 'put mock.endpoint', (world) =>
    put(world, { 'mock.endpoint': `mock://${world.random.int(0, 3)}` }),
  ),
  operation(1, 'put client', (world) =>
    put(world, { 'otel_package.client': world.random.pick(['native', 'package']) }),
  ),
  operation(1, 'put compression', (world) =>
    put(world, { [`${world.random.pick(spanExporters)}.compression`]: world.random.pick(['none', 'gzip']) }),
  ),
  operation(2, 'put port', (world) =>
    put(world, { 'prometheus.port': 0, 'prometheus.path': `/m${world.random.int(0, 2)}` }),
  ),
  operation(1, 'put host', (world) =>
    put(world, { 'prometheus.host': world.random.pick(['127.0.0.1', '127.0.0.2', 'localhost']) }),
  ),
  operation(2, 'put event_patterns', (world) =>
    put(world, {
      [`${world.random.pick(spanExporters)}.event_patterns`]: world.random.pick([
        ['job.*'],
        ['job.a.*'],
        ['*'],
        ['job.[ab]*'],
        [],
      ]),
    }),
  ),
  operation(1, 'put sampling_rate', (world) =>
    put(world, { [`${world.random.pick(spanExporters)}.sampling_rate`]: world.random.pick([0, 0.5, 1]) }),
  ),
  operation(1, 'put max_active_spans', (world) =>
    put(world, {
      [`${world.random.pick(spanExporters)}.max_active_spans`]: world.random.pick([1, 50, 10_000]),
    }),
  ),
  hot(2, 'batch_size', (random) => random.pick([1, 7, 64, 512])),
  hot(2, 'queue_size', (random) => random.pick([1, 20, 500, 3_000])),
  hot(1, 'queue_bytes', (random) => random.pick([65_536, 4_194_304])),
  hot(1, 'overflow', (random) => random.pick(['drop_newest', 'drop_oldest'])),
  hot(1, 'max_in_flight', (random) => random.int(1, 6)),
  hot(1, 'flush_interval', (random) => random.pick([0, 0.01, 0.3])),
  hot(1, 'timeout', (random) => random.pick([0.05, 0.3, 0.6])),
  hot(1, 'retry_attempts', (random) => random.int(0, 3)),
  hot(1, 'max_age', (random) => random.pick([0.5, 5, null])),
  hot(1, 'failure_threshold', (random) => random.int(1, 5)),
  hot(1, 'reset_timeout', (random) => random.pick([0.1, 0.4])),
  hot(1, 'max_request_bytes', (random) => random.pick([2_048, 65_536, 4_194_304])),
  operation(2, 'add an exporter', (world) =>
    put(world, {
      'otel_x.type': 'otel',
      'otel_x.endpoint': world.receivers.otel_x![0]!.url,
      'otel_x.event_patterns': ['job.*'],
      'otel_x.drain_timeout': 0.3,
      'otel_x.queue_size': 3_000,
      'otel_x.timeout': 0.3,
      // A 403 makes it wait for all of it, which is a minute by default.
      'otel_x.reset_timeout': 0.4,
    }),
  ),
  operation(2, 'remove an exporter', ({ telemetry, watch }) =>
    watch.follow('unset', changeMs, telemetry.config.unset('otel_x')),
  ),
  operation(2, 'unset', ({ telemetry, watch, random }) =>
    watch.follow(
      'unset',
      changeMs,
      telemetry.config.unset(
        `${random.pick(pushers)}.${random.pick(['batch_size', 'queue_size', 'timeout'])}`,
      ),
    ),
  ),
  operation(3, 'a refused change', (world) => put(world, world.random.pick(refusedChanges))),
  operation(1, 'a change from outside', ({ telemetry, watch, random, receivers }) =>
    watch.follow(
      'putFrom',
      changeMs,
      telemetry.config.putFrom(
        'admin',
        random.pick<Record<string, unknown>>([
          { 'mock.batch_size': random.int(1, 40) },
          { 'otel_a.endpoint': 'http://169.254.169.254/' },
          { 'otel_a.endpoint': receivers.otel_a![1]!.url },
          { 'otel_tls.certificate': '/etc/passwd' },
        ]),
      ),
    ),
  ),
  operation(3, 'the file changes', ({ file, random }) => {
    const text = random.pick([
      fileOf(random.int(1, 50)),
      '[telemetry',
      '',
      '[telemetry.mock]\nbatch_sise = 1\n',
      '\u0000',
      undefined,
    ])
    if (text === undefined) rmSync(file, { force: true })
    else writeFileSync(file, text)
  }),
  operation(2, 'the remote store changes', ({ publish, random }) =>
    publish(
      random.pick<unknown>([
        { otel_tls: { batch_size: random.int(1, 50) } },
        {},
        null,
        'nonsense',
        { otel_tls: { endpoint: 'http://169.254.169.254/' } },
        { mock: { max_in_flight: 3 }, nobody: 7 },
      ]),
    ),
  ),

  operation(3, 'a breaker command', ({ telemetry, random }) => {
    const id = random.pick(pushers)
    telemetry.breaker(id)[
      random.choose([
        [2, 'reset'],
        [1, 'forceOpen'],
        [1, 'disable'],
      ] as const)
    ]()
  }),
  operation(4, 'flush', ({ telemetry, random, watch }) => {
    const timeoutMs = random.pick([0, 20, 300])
    return watch.follow(`flush ${timeoutMs}`, timeoutMs + 5_000, telemetry.flush({ timeoutMs }))
  }),
  operation(2, 'restart', ({ telemetry, random, watch }) =>
    watch.follow('restart', 10_000, telemetry.restart(random.pick(exporters))),
  ),
  operation(3, 'a crash', ({ crash, random }) =>
    crash(random.pick(['exporter', 'delivery', 'breaker']), random.pick(exporters)),
  ),
  operation(2, 'a look', ({ telemetry }) => {
    JSON.stringify(telemetry.status({ history: true }))
    JSON.stringify(telemetry.snapshot())
    JSON.stringify(telemetry.config.explain())
  }),
  operation(2, 'a handler comes and goes', ({ telemetry, random }) => {
    const id = `handler ${random.int(0, 3)}`
    if (telemetry.detach(id)) return
    telemetry.attach(id, random.pick(['job.*', 'telemetry.*', '*']), () => {
      if (random.chance(0.2)) throw hostileValue(random)
    })
  }),
]
