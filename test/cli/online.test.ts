// `telemachine config` and `telemachine tap` speak with the admin API of a running service; what goes wrong is one line.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  canary,
  createFolder,
  isOneLine,
  openService,
  run,
  type Service,
  start,
  token,
  withToken,
} from './harness.ts'

const commands = [
  ['top', '--once'],
  ['tap'],
  ['config', 'get'],
  ['config', 'put', 'mock.batch_size=1'],
  ['config', 'unset', 'mock.batch_size'],
  ['config', 'history'],
] as const

/** The arguments of a command with the address where it belongs. */
const at = (url: string, [name, ...rest]: readonly string[]): string[] =>
  name === 'config' ? [name, rest[0]!, url, ...rest.slice(1)] : [name!, url, ...rest]

describe('commands that ask an admin API', () => {
  let service: Service
  before(async () => {
    service = await openService()
  })
  after(() => service.close())

  it('say in one line that the token is wrong', async () => {
    for (const command of commands) {
      const ended = await run(at(service.url, command), { env: { TELEMACHINE_TOKEN: 'wrong' } })
      assert.equal(ended.code, 3, command.join(' '))
      assert.match(ended.stderr, /refused the token\n$/)
      assert.ok(isOneLine(ended.stderr), ended.stderr)
      assert.equal(ended.stdout, '')
    }
  })

  it('say in one line that a token is missing, and how to give it', async () => {
    const { code, stderr } = await run(['config', 'get', service.url])
    assert.match(stderr, /needs a token: set TELEMACHINE_TOKEN, or use --token-file <file>\n$/)
    assert.equal(code, 3)
  })

  it('say in one line that the server does not answer', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    for (const command of commands) {
      const { code, stderr } = await run(at(`http://127.0.0.1:${port}`, command), withToken)
      assert.equal(code, 3, command.join(' '))
      assert.match(stderr, /\(ECONNREFUSED\): nothing listens there/)
      assert.ok(isOneLine(stderr), stderr)
    }
  })

  it('say in one line that it is something else that answers, or nothing in time', async () => {
    let hang = false
    const server = createServer((_request, response) => {
      if (!hang) response.end('<html>hello</html>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const command of commands) {
      const { code, stderr } = await run(at(url, command), withToken)
      assert.equal(code, 3, command.join(' '))
      assert.match(
        stderr,
        /answered HTTP 200, but not as an admin API does; check the address and its path\n$/,
      )
    }
    hang = true
    const late = await run(['config', 'get', url, '--timeout', '0.3'], withToken)
    assert.match(late.stderr, /did not answer within 0\.3 s\n$/)
    assert.equal(late.code, 3)
    server.closeAllConnections()
    server.close()
  })

  it('take the token from a file, and never from an argument or a URL', async () => {
    const cwd = createFolder({ token: `${token}\n` })
    assert.equal((await run(['config', 'get', service.url, '--token-file', 'token'], { cwd })).code, 0)
    for (const args of [['--token', token], [`--token=${token}`], ['--token-file', 'none']]) {
      const { code, stderr } = await run(['config', 'get', service.url, ...args], { cwd })
      assert.equal(code, 2)
      assert.ok(isOneLine(stderr) && !stderr.includes(token), stderr)
    }
    const inUrl = await run(['config', 'get', service.url.replace('//', `//user:${token}@`)])
    assert.equal(inUrl.code, 2)
    assert.ok(!inUrl.stderr.includes(token))
  })

  it('find an admin API below a path', async () => {
    const other = await openService()
    const { stdout } = await run(['config', 'get', `${other.url}nothing`, 'mock.batch_size'], withToken)
    assert.equal(stdout, '')
    const server = createServer((request, response) => {
      request.url = request.url!.replace(/^\/admin/, '')
      other.admin.handler(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/admin`
    assert.equal((await run(['config', 'get', url, 'mock.batch_size'], withToken)).stdout, '512\n')
    server.closeAllConnections()
    server.close()
    await other.close()
  })
})

describe('telemachine config', () => {
  let service: Service
  beforeEach(async () => {
    service = await openService()
  })
  afterEach(() => service.close())

  const config = (verb: string, ...rest: string[]) => run(['config', verb, service.url, ...rest], withToken)

  it('puts a value, gets it, takes it back, and shows the history', async () => {
    const put = await config('put', 'mock.batch_size', '7')
    assert.equal(put.stdout, 'telemetry.mock.batch_size: 512 → 7\nin force (version 2)\n')
    assert.equal(put.code, 0)
    assert.equal(service.telemetry.config.get('mock.batch_size'), 7)
    assert.equal((await config('get', 'telemetry.mock.batch_size')).stdout, '7\n')
    const unset = await config('unset', 'mock.batch_size')
    assert.equal(unset.stdout, 'telemetry.mock.batch_size: 7 → 512\nin force (version 3)\n')
    const history = await config('history')
    assert.match(
      history.stdout,
      /^\d{4}-\S+Z {2}version 2 {2}applied \(admin\): telemetry\.mock\.batch_size\n\S+ {2}version 3 {2}applied/,
    )
  })

  it('puts several values in one transaction, as JSON or as texts', async () => {
    const { code } = await config(
      'put',
      'mock.batch_size=9',
      'mock.event_patterns=["job.*"]',
      'mock.endpoint=mock://other',
    )
    assert.equal(code, 0)
    const { batch_size, event_patterns, endpoint } = service.telemetry.config.get('mock') as Record<
      string,
      unknown
    >
    assert.deepEqual([batch_size, event_patterns, endpoint], [9, ['job.*'], 'mock://other'])
    assert.equal(service.telemetry.status().config.version, 2)
  })

  it('prints why a change was refused, and nothing has changed', async () => {
    const { code, stdout, stderr } = await config('put', 'mock.batch_size=0', 'mock.nothing=1')
    assert.equal(stdout, '')
    assert.match(stderr, /^telemachine: refused, nothing has changed\n/)
    assert.match(stderr, /batch_size .*is 0, but must be an integer/)
    assert.match(stderr, /mock\.nothing .*is not a key of the exporter type mock/)
    assert.equal(code, 1)
    assert.equal(service.telemetry.status().config.version, 1)
    assert.equal((await config('unset', 'allowed_destinations')).code, 1)
  })

  it('shows values with their layers, and no secret', async () => {
    const { stdout } = await config('get', 'mock')
    assert.match(stdout, /telemetry\.mock\.api_key +\[redacted\] +init +init\n/)
    assert.match(stdout, /telemetry\.mock\.batch_size +512 +default +default\n/)
    const whole = await config('get', '--json')
    assert.deepEqual(JSON.parse(whole.stdout), JSON.parse(JSON.stringify(service.telemetry.config.explain())))
    assert.ok(!whole.stdout.includes(canary))
    assert.equal((await config('get', 'mock.nothing')).code, 1)
  })

  it('refuses arguments that it cannot use', async () => {
    for (const [verb, ...rest] of [
      ['put'],
      ['put', 'mock.batch_size'],
      ['put', 'a=1', 'a=2'],
      ['unset'],
      ['nope'],
      ['history', 'x'],
    ]) {
      const { code, stderr } = await config(verb!, ...rest)
      assert.equal(code, 2, `${verb} ${rest}`)
      assert.ok(isOneLine(stderr), stderr)
    }
    assert.equal((await run(['config'])).code, 2)
    assert.equal((await run(['config', 'get', 'localhost:9465'])).code, 2)
  })
})

describe('telemachine tap', () => {
  let service: Service
  beforeEach(async () => {
    service = await openService()
  })
  afterEach(() => service.close())

  const taps = () => service.telemetry.handlers().filter(({ id }) => id.startsWith('telemachine.tap.'))
  const attached = async (count: number): Promise<void> => {
    while (taps().length !== count) await new Promise((resolve) => setImmediate(resolve))
  }

  it('prints the events that match, as JSON lines without secrets, until Ctrl-C', async () => {
    const running = await start(['tap', service.url, 'job.*'], withToken)
    await attached(1)
    service.telemetry.emit('cache.hit')
    service.telemetry.emit('job.done', { count: 1 }, { key: canary, queue: 'mail' })
    await running.prints(/\n/)
    const { code, stdout, stderr } = await running.end('SIGINT')
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      events.map(({ name, metadata }) => [name, metadata]),
      [['job.done', { key: '[redacted]', queue: 'mail' }]],
    )
    assert.equal(stderr, '')
    assert.equal(code, 0)
    await attached(0)
  })

  it('prints no more than its rate, and says how many were skipped', async () => {
    const running = await start(['tap', service.url, '*', '--rate', '10', '--count', '14'], withToken)
    await attached(1)
    // Ten at once; the others need another half second, within which one more line says what was left out.
    const timer = setInterval(() => service.telemetry.emit('job.done', { count: 1 }), 1)
    const { code, stdout } = await running.ended
    assert.equal(stdout.split('\n').length, 15)
    assert.equal(code, 0)
    const another = await start(['tap', service.url, '*', '--rate', '10'], withToken)
    await another.prints(/(.*\n){20}/)
    clearInterval(timer)
    const { stderr } = await another.end()
    assert.match(stderr, /^telemachine: \d+ events were skipped, beyond 10 a second \(--rate\)\n/)
  })

  it('ends when the reader of its output leaves', async () => {
    const running = await start(['tap', service.url], withToken)
    await attached(1)
    running.child.stdout!.destroy()
    const timer = setInterval(() => service.telemetry.emit('job.done'), 5)
    const { stderr } = await running.ended
    clearInterval(timer)
    assert.equal(stderr, '')
    await attached(0)
  })

  it('says that the service ended the stream', async () => {
    const running = await start(['tap', service.url], withToken)
    await attached(1)
    await service.admin.close()
    const { code, stderr } = await running.ended
    assert.match(stderr, /^telemachine: the tap at http:\S+ ended: /)
    assert.ok(isOneLine(stderr), stderr)
    assert.equal(code, 3)
  })
})
