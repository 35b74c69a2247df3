// The recipes work as they are written: each file runs with the packed package against a real OTLP receiver, with the
// framework where it is installed here and else with a stand-in, and ends on SIGTERM with every span sent.
import assert from 'node:assert/strict'
import type { Backend } from '../../src/testing/index.ts'
import { ask, askFor, createPlace, filesOf, type Place, type PlaceOptions, type Program } from './place.ts'

const named = ({ spans }: Backend, name: string) => spans.filter((span) => span.name === name)

/** Ends a program as Kubernetes does. */
async function terminate({ child, ended, stderr }: Program): Promise<number | string> {
  child.kill('SIGTERM')
  const code = await ended
  assert.equal(stderr(), '')
  return code
}

function assertChild(backend: Backend, parentName: string, childName: string): void {
  const [parent] = named(backend, parentName)
  const [child] = named(backend, childName)
  assert.equal(child!.parentSpanId, parent!.spanId)
  assert.equal(child!.traceId, parent!.traceId)
}

describe('the recipe for', () => {
  let place: Place
  afterEach(() => place.close())

  const open = async (name: string, options: PlaceOptions = {}): Promise<Place> => {
    place = await createPlace(`docs/recipes/${name}.md`, { ports: [3000, 9464], ...options })
    return place
  }

  const route = 'http_route="/users/:id"'

  it('node:http names the route, nests spans, counts requests and stops on SIGTERM', async () => {
    const { backend, run, url } = await open('http')
    const program = run('server.mjs')
    const answer = await ask(program, url(3000, '/users/7'))
    assert.deepEqual(answer, { status: 200, text: '{"id":"7","name":"Ada"}' })
    assert.equal((await ask(program, url(3000, '/elsewhere'))).status, 404)
    await askFor(program, url(9464, '/metrics'), route)
    assert.equal(await terminate(program), 0)
    assertChild(backend, 'GET /users/:id', 'user.load')
    const { resource } = backend.spans[0]!
    assert.equal(resource?.attributes['service.name'], 'shop')
  })

  it('Express names the route, shows an error and the live page, and stops on SIGTERM', async () => {
    const { backend, run, url } = await open('express', { packages: ['express'] })
    const program = run('app.mjs', { ADMIN_TOKEN: 'only-for-this-test', NODE_ENV: 'test' })
    assert.equal((await ask(program, url(3000, '/health'))).text, 'ok')
    assert.equal((await ask(program, url(3000, '/users/7'))).text, '{"id":"7","name":"Ada"}')
    assert.equal((await ask(program, url(3000, '/broken'))).status, 500)
    assert.match((await ask(program, url(3000, '/admin/'))).text, /<html/)
    assert.equal((await ask(program, url(3000, '/admin/status'))).status, 401)
    await askFor(program, url(9464, '/metrics'), route)
    assert.equal(await terminate(program), 0)
    assertChild(backend, 'GET /users/:id', 'user.load')
    assert.equal(named(backend, 'GET /broken')[0]!.status?.code, 2)
    assert.deepEqual(named(backend, 'GET /health'), [])
  })

  it('Fastify names the route, shows an error with its message, and stops on SIGTERM', async () => {
    const { backend, run, url } = await open('fastify', { packages: ['fastify'] })
    const program = run('app.mjs')
    assert.equal((await ask(program, url(3000, '/users/7'))).text, '{"id":"7","name":"Ada"}')
    assert.equal((await ask(program, url(3000, '/broken'))).status, 500)
    await askFor(program, url(9464, '/metrics'), route)
    assert.equal(await terminate(program), 0)
    assertChild(backend, 'GET /users/:id', 'user.load')
    assert.equal(named(backend, 'GET /broken')[0]!.status?.code, 2)
  })

  it('NestJS starts before the application and stops in its shutdown hook', async () => {
    const { backend, run, url, write } = await open('nestjs', {
      packages: ['express'],
      standIns: { '@nestjs/common': 'nestjs-common', '@nestjs/core': 'nestjs-core' },
    })
    write('tsconfig.json', '{ "compilerOptions": { "experimentalDecorators": true } }')
    const program = run('main.ts')
    assert.equal((await ask(program, url(3000, '/users/7'))).text, '{"id":"7","name":"Ada"}')
    await askFor(program, url(9464, '/metrics'), route)
    assert.equal(await terminate(program), 'SIGTERM', 'NestJS raises the signal again')
    assertChild(backend, 'GET /users/:id', 'user.load')
  })

  it('Next.js starts in register(), of Node.js only, and shares the system with routes', async () => {
    const { backend, run, url, write } = await open('nextjs')
    write('package.json', '{ "type": "module" }')
    write(
      'next.mts',
      `import { createServer } from 'node:http'
       import { register } from './instrumentation'
       await register()
       if (process.env.NEXT_RUNTIME === 'nodejs') {
         const { GET } = await import('./app/api/users/[id]/route')
         const params = Promise.resolve({ id: '7' })
         createServer(async (request, response) => {
           const answer = await GET(new Request('http://localhost' + request.url), { params })
           response.end(await answer.text())
         }).listen(3000)
       } else console.log('telemetry' in globalThis ? 'started' : 'left alone')`,
    )
    const edge = run('next.mts', { NEXT_RUNTIME: 'edge' })
    assert.equal(await edge.ended, 0, edge.stderr())
    assert.equal(edge.stdout(), 'left alone\n')
    const program = run('next.mts', { NEXT_RUNTIME: 'nodejs', NEXT_MANUAL_SIG_HANDLE: 'true' })
    assert.equal((await ask(program, url(3000, '/api/users/7'))).text, '{"id":"7","name":"Ada"}')
    await askFor(program, url(9464, '/metrics'), 'http_server_request_duration_seconds_count')
    assert.equal(await terminate(program), 0)
    assertChild(backend, 'GET', 'user.load')
    assert.match(filesOf('docs/recipes/nextjs.md').get('next.config.mjs')!, /serverExternalPackages/)
  })

  it('queue workers continues the trace of the producer, and sends jobs under way before it stops', async () => {
    const { backend, run, url, write } = await open('workers', { standIns: { bullmq: 'bullmq' } })
    write(
      'both.mjs',
      `import './worker.mjs'
       import { sendWelcome } from './producer.mjs'
       await sendWelcome('ada@example.org')
       await sendWelcome('nobody')`,
    )
    const program = run('both.mjs')
    const metrics = await askFor(program, url(9464, '/metrics'), 'outcome="error"')
    assert.match(
      metrics,
      /mail_process_duration_seconds_count\{job="welcome",outcome="success",queue="mail"\} 1/,
    )
    assert.doesNotMatch(metrics, /job_id/)
    assert.equal(await terminate(program), 0)
    assertChild(backend, 'mail.enqueue', 'mail.process')
    const failed = named(backend, 'mail.process').filter(({ status }) => status?.code === 2)
    assert.deepEqual(failed.map(({ attributes }) => attributes.attempt).toSorted(), [1, 2])
  })
})
