// The example service does the package's main job for a stranger: it runs as a process of its own, plays its whole
// scenario, ends by itself or with Ctrl-C, leaves nothing running, and its account adds up, reckoned again from its text.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { compileFixture } from '../support/programs.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Run {
  readonly code: number | null
  readonly output: string
}

const running = new Set<ChildProcess>()

async function start(...args: string[]) {
  const program = await compileFixture(`${root}examples/queuemizer/main.ts`)
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let output = ''
  const looks = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      output += text
      for (const look of looks) look()
    })
  }
  // `close` comes once the last process that holds the output is gone, the load generator too.
  const ended: Promise<Run> = once(child, 'close').then(([code]) => {
    running.delete(child)
    return { code, output }
  })
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!output.includes(text)) return
        looks.delete(look)
        resolve()
      }
      looks.add(look)
      look()
      void ended.then(() => reject(new Error(`it ended without saying "${text}":\n${output}`)))
    })
  return { child, says, ended }
}

/** The two ports that the example would like are taken while `use` runs. */
async function withPortsTaken<Result>(use: () => Promise<Result>): Promise<Result> {
  const servers: Server[] = []
  for (const port of [8080, 9464]) {
    const server = createServer()
    servers.push(server)
    // Taken by somebody else: so much the better.
    await new Promise<void>((resolve) => {
      server.once('error', () => resolve())
      server.listen(port, '127.0.0.1', resolve)
    })
  }
  try {
    return await use()
  } finally {
    for (const server of servers) server.close()
  }
}

const numbers = (output: string, pattern: RegExp): number[] => {
  const match = pattern.exec(output)
  assert.ok(match, `${pattern} is in\n${output}`)
  return match.slice(1).map(Number)
}

const otelLedger = /ok {2}otel: accepted (\d+) = delivered (\d+) \+ dropped (\d+).* \+ pending (\d+)$/m
const receivers = /ok {2}receivers: A (\d+) \+ B (\d+) = (\d+) spans decoded/

describe('the queuemizer example', () => {
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL')
  })

  it('plays its scenario beside taken ports, and its account adds up', async () => {
    const { code, output } = await withPortsTaken(async () => (await start('--brisk')).ended)
    assert.equal(code, 0, output)
    assert.match(output, /^It adds up\.$/m)

    const [accepted, delivered, dropped, pending] = numbers(output, otelLedger) as [
      number,
      number,
      number,
      number,
    ]
    assert.equal(accepted, delivered + dropped + pending)
    assert.equal(pending, 0)
    assert.ok(delivered > 100)
    const [a, b, both] = numbers(output, receivers) as [number, number, number]
    assert.equal(a + b, both)
    assert.ok(a > 0 && b > 0, 'both receivers got spans')
    // A span weighs two events. What was cut off with the receiver may have arrived all the same.
    assert.ok(2 * both >= delivered)
    if (!output.includes('in doubt')) assert.equal(2 * both, delivered)

    const [records] = numbers(output, /ok {2}receivers: A \d+ \+ B \d+ = (\d+) log records decoded/)
    const [logsDelivered] = numbers(output, /ok {2}otel_logs: accepted \d+ = delivered (\d+)/)
    assert.ok(records! >= logsDelivered! && logsDelivered! > 100)
    const [summedDone, summedFailed] = numbers(
      output,
      /ok {2}receivers: metrics say (\d+) jobs done, (\d+) failed/,
    )
    assert.ok(summedDone! > 0 && summedFailed! > 0)
    assert.match(output, /ok {2}otel_metrics: accepted/)

    assert.match(output, /ok {2}endpoints moved under load: 0 events lost/)
    assert.match(output, /ok {2}exporter disabled and enabled: it is serving/)
    assert.match(
      output,
      /ok {2}receiver down and up again: closed → open → half_open .*closed, 0 events lost/,
    )
    assert.match(output, /ok {2}metrics page moved to/)
    assert.match(output, /ok {2}careless callers: [1-9]\d* jobs done meanwhile/)
    assert.match(
      output,
      /ok {2}killed in an outage and restarted: 400 events emitted = 400 delivered over both lives/,
    )
    const [done, failed] = numbers(output, /ok {2}metrics page: (\d+) jobs done, (\d+) failed/)
    assert.ok(done! > 0 && failed! > 0, 'some jobs fail, for real causes')
  })

  it('ends with Ctrl-C in the midst of it, drained, in plain lines', async () => {
    const example = await start()
    await example.says('1. The endpoints of all signals move')
    example.child.kill('SIGINT')
    const { code, output } = await example.ended
    assert.equal(code, 0, output)
    assert.match(output, /The scenario was cut short/)
    assert.match(output, /^It adds up\.$/m)
    assert.equal(numbers(output, otelLedger).at(-1), 0, 'nothing is pending')
    assert.ok(!output.includes('\x1b'), 'no escape codes')
  })

  it('says how to call it when it is called wrongly', async () => {
    const { code, output } = await (await start('--seconds', 'soon')).ended
    assert.equal(code, 2)
    assert.match(output, /usage: npm start/)
  })
})
