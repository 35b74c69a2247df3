// The programs of docs/deployment.md do what it says: spans arrive although the process is told to end, is frozen, or
// crashes; and each way to lose them that the page names does lose them.
import assert from 'node:assert/strict'
import { ask, askFor, createPlace, type Place, printed } from './place.ts'

describe('the document on deployment', () => {
  let place: Place
  afterEach(() => place.close())

  const open = async (...ports: number[]): Promise<Place> => {
    place = await createPlace('docs/deployment.md', { ports })
    return place
  }
  const names = (): string[] => place.backend.spans.map(({ name }) => name)

  it('has a server that sends what waits on SIGTERM', async () => {
    const { run, url } = await open(3000)
    const program = run('signals.mjs')
    assert.equal((await ask(program, url(3000, '/'))).text, 'hello')
    program.child.kill('SIGTERM')
    assert.equal(await program.ended, 0)
    assert.equal(program.stderr(), '')
    assert.deepEqual(names(), ['page'])
  })

  const start = `import { createTelemetry } from 'telemachine'
    const telemetry = createTelemetry({ config: { init: { otel: { flush_interval: 60 } } } })
    await telemetry.start()
    telemetry.span('work', () => {})
    await new Promise(setImmediate)\n`

  it('is right that a program that ends by itself, or by process.exitCode, is drained', async () => {
    const { run, write } = await open()
    write('end.mjs', `${start}process.exitCode = 3`)
    assert.equal(await run('end.mjs').ended, 3)
    assert.deepEqual(names(), ['work'])
  })

  for (const [how, code, end] of [
    ['process.exit()', 'process.exit(3)', 3],
    ['an uncaught exception', 'throw new Error("crash")', 1],
    [
      'SIGTERM without a handler',
      'setInterval(() => {}, 1_000); process.kill(process.pid, "SIGTERM")',
      'SIGTERM',
    ],
  ] as const)
    it(`is right that ${how} loses what waits`, async () => {
      const { run, write } = await open()
      write('end.mjs', start + code)
      assert.equal(await run('end.mjs').ended, end)
      assert.deepEqual(names(), [])
    })

  it('has a container that is reached at any address', async () => {
    const { run, url, write } = await open(9464, 9465)
    write('service.mjs', `import './container.mjs'\nsetInterval(() => {}, 1_000)`)
    const program = run('service.mjs', { ADMIN_TOKEN: 'only-for-this-test' })
    await askFor(program, url(9465, '/readyz'), '"')
    await askFor(program, url(9464, '/metrics'), 'telemachine')
    assert.equal(program.stderr(), '')
  })

  it('is right that a variable decides about the host where file and init are silent', async () => {
    const { run, write } = await open()
    write(
      'host.mjs',
      `import { createTelemetry } from 'telemachine'
       const telemetry = createTelemetry({ config: { init: { prometheus: { port: 0 } } } })
       await telemetry.start()
       console.log(telemetry.config.get('telemetry.prometheus.host'))
       await telemetry.stop()`,
    )
    const program = run('host.mjs', { TELEMETRY_PROMETHEUS_HOST: '0.0.0.0' })
    await program.ended
    assert.equal(program.stdout(), '0.0.0.0\n')
  })

  it('has a function whose spans have arrived when it returns', async () => {
    const { run, write, backend } = await open()
    write(
      'frozen.mjs',
      `import { handler } from './handler.mjs'
       const context = { awsRequestId: '1', getRemainingTimeInMillis: () => 3_000 }
       console.log((await handler({ headers: {} }, context, () => {})).statusCode)
       process.kill(process.pid, 'SIGKILL')`,
    )
    const program = run('frozen.mjs')
    assert.equal(await program.ended, 'SIGKILL')
    assert.equal(program.stdout(), '200\n')
    assert.deepEqual(names(), ['resize.load'])
    assert.equal(backend.requests, 1)
  })

  it('has a function that sends what a backend did not take when it is told to end', async () => {
    const { run, write, backend } = await open()
    backend.fault({ type: 'status', status: 503 })
    write(
      'retired.mjs',
      `import { handler } from './shutdown.mjs'
       setInterval(() => {}, 1_000)
       const context = { getRemainingTimeInMillis: () => 400 }
       console.log((await handler({ headers: {} }, context)).statusCode)`,
    )
    const program = run('retired.mjs')
    await printed(program, /200\n/)
    await backend.clear()
    program.child.kill('SIGTERM')
    assert.equal(await program.ended, 0)
    assert.match(program.stderr(), /not everything was delivered before a call returned/)
    assert.deepEqual(names(), ['resize.load'])
  })

  it('has a route whose call is a span', async () => {
    const { run, write } = await open()
    write(
      'vercel.mjs',
      `import { GET } from './route.mjs'
       console.log(await (await GET(new Request('http://localhost/?name=you'))).text())
       process.kill(process.pid, 'SIGKILL')`,
    )
    const program = run('vercel.mjs')
    assert.equal(await program.ended, 'SIGKILL')
    assert.equal(program.stdout(), 'hello you\n')
    assert.deepEqual(names(), ['GET /hello'])
  })

  it('has a handler that sends a span of the crash, and exits with 1', async () => {
    const { run, write } = await open()
    write('crashing.mjs', `import './crash.mjs'\nPromise.reject(new Error('nobody caught it'))`)
    const program = run('crashing.mjs')
    assert.equal(await program.ended, 1)
    assert.match(program.stderr(), /nobody caught it/)
    const [crash] = place.backend.spans
    assert.equal(crash?.name, 'process.crash')
    assert.equal(crash?.status?.code, 2)
  })

  it('has a cluster with one page for its workers', async () => {
    const { run, url } = await open(9464)
    const program = run('cluster.mjs')
    await askFor(program, url(9464, '/metrics'), 'worker_ready_total 2\n')
    await askFor(program, url(9464, '/metrics'), 'telemachine_cluster_members 2\n')
    assert.equal(program.stderr(), '')
  })

  it('is right that a second process on the same port has no page and says so', async () => {
    const { run, write, url } = await open(9464)
    write(
      'one.mjs',
      `import { createTelemetry } from 'telemachine'
       const telemetry = createTelemetry({ config: { init: { prometheus: { port: 9464 } } } })
       await telemetry.start()
       const { state, lastError } = telemetry.status().exporters.prometheus
       console.log(state, lastError?.message ?? '')
       setInterval(() => {}, 1_000)`,
    )
    const first = run('one.mjs')
    await ask(first, url(9464, '/metrics'))
    const second = run('one.mjs')
    await printed(second, /\n/)
    assert.match(first.stdout(), /^serving/)
    assert.match(second.stdout(), /^retrying .* is in use.*port 0.*node:cluster/)
  })

  it('is right that workers have a page each with `cluster = false`, and no word is said', async () => {
    const { run, write } = await open(9464)
    write(
      'shared.mjs',
      `import cluster from 'node:cluster'
       import { createTelemetry } from 'telemachine'
       if (cluster.isPrimary) for (let worker = 0; worker < 2; worker++) cluster.fork()
       else {
         const telemetry = createTelemetry({ config: { init: { prometheus: { port: 9464, cluster: false } } } })
         await telemetry.start()
         console.log(telemetry.status().exporters.prometheus.state)
       }`,
    )
    const program = run('shared.mjs')
    await printed(program, /\n.*\n/)
    program.child.kill('SIGTERM')
    await program.ended
    assert.equal(program.stdout(), 'serving\nserving\n')
  })

  it('is right that threads share the page of their main thread', async () => {
    const { run, write, url } = await open(9464)
    const telemetry = `import { createTelemetry } from 'telemachine'
      const telemetry = createTelemetry({ config: { init: { prometheus: { port: 9464 } } } })
      await telemetry.start()
      telemetry.emit('thread.ready', { count: 1 })
      setInterval(() => {}, 1_000)\n`
    write('sharing.mjs', telemetry)
    write(
      'main.mjs',
      `${telemetry}const { Worker } = await import('node:worker_threads')
       new Worker(new URL('sharing.mjs', import.meta.url))`,
    )
    const program = run('main.mjs')
    await askFor(program, url(9464, '/metrics'), 'thread_ready_total 2\n')
  })

  it('has a pool whose tasks are measured in the main thread', async () => {
    const { run } = await open()
    const program = run('pool.mjs')
    assert.equal(await program.ended, 0)
    assert.equal(program.stdout(), 'done\n')
    assert.deepEqual(names(), ['task'])
  })

  it('is right that a thread that ends by itself is drained', async () => {
    const { run, write } = await open()
    write('thread.mjs', start)
    write(
      'main.mjs',
      `import { Worker } from 'node:worker_threads'\nnew Worker(new URL('thread.mjs', import.meta.url))`,
    )
    assert.equal(await run('main.mjs').ended, 0)
    assert.deepEqual(names(), ['work'])
  })
})
