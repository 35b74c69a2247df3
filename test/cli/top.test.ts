// `telemachine top` shows what needs attention first, as wide and as coloured as the terminal says, and plain lines
// where nobody watches.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import type { CommandContext } from '../../src/cli/command.ts'
import { createRates } from '../../src/cli/online/rates.ts'
import { createTerminal } from '../../src/cli/terminal/terminal.ts'
import { top } from '../../src/cli/top.ts'
import { plainLines, renderTop, shortNumber, sparkline } from '../../src/cli/top-view.ts'
import type { ExporterStatus, TelemetryStatus } from '../../src/status.ts'
import { openService, run, type Service, start, token, withToken } from './harness.ts'

interface Given {
  readonly accepted?: number
  readonly queued?: number
  readonly dropped?: Record<string, number>
  readonly state?: ExporterStatus['state']
  readonly breaker?: ExporterStatus['breaker']
  readonly error?: string
}

const exporter = ({
  accepted = 0,
  queued = 0,
  dropped = {},
  state = 'serving',
  breaker = 'closed',
  error,
}: Given) => ({
  ...{ type: 'otel', state, breaker, breakerSince: 0, failures: 0, client: {} },
  config: { queue_size: 1000, failure_threshold: 5 },
  exports: { attempts: 0, seconds: 0 },
  ledger: {
    accepted,
    delivered: 0,
    dropped,
    ambiguous: 0,
    pending: { buffered: 0, held: 0, queued, in_flight: 0 },
  },
  lastError: error === undefined ? null : { message: error, at: 1_000_000 - 5_000 },
})

const status = (exporters: Record<string, Given>, emitted = 0): TelemetryStatus =>
  ({
    system: 'running',
    bus: { emitted, unrouted: 0 },
    exporters: Object.fromEntries(Object.entries(exporters).map(([id, given]) => [id, exporter(given)])),
  }) as unknown as TelemetryStatus

const plain = { paint: (_colour: string, text: string) => text }

/** The view after two statuses, one second apart. */
function viewOf(before: Record<string, Given>, after: Record<string, Given>) {
  const rates = createRates()
  rates.add(status(before, 0), 999_000, 0)
  return rates.add(status(after, 1500), 1_000_000, 1000)
}

describe('the view of telemachine top', () => {
  const view = viewOf(
    { calm: { accepted: 100 }, down: { accepted: 0 }, off: {}, full: { dropped: { queue_full: 1 } } },
    {
      calm: { accepted: 1350, dropped: { sampled_out: 40 } },
      down: { breaker: 'open', queued: 900, error: 'cannot connect\nto \x1b[31mhttp://x' },
      off: { state: 'disabled' },
      full: { accepted: 10, dropped: { queue_full: 31, rejected: 2 } },
    },
  )
  const lines = (columns: number, rows = 40) => renderTop(view, 'http://h:1', { ...plain, columns, rows })

  it('puts the exporter first that needs attention most', () => {
    assert.deepEqual(
      view.exporters.map(({ id }) => id),
      ['down', 'full', 'calm', 'off'],
    )
  })

  it('shows rates, queue, breaker, drops by reason and the last error', () => {
    const text = lines(100).join('\n')
    assert.match(text, /http:\/\/h:1 {2}running {2}4 exporters {2}1\.5k events\/s/)
    assert.match(text, /down +otel +serving +open +0 +900 90% +0 +0 /)
    assert.match(text, /calm +otel +serving +closed +1\.3k +0 +0 +40 /)
    assert.match(text, /dropped: queue_full 31, rejected 2\n/)
    assert.match(text, /last error 5 s ago: cannot connect to +\[31mhttp:\/\/x/)
  })

  it('lets nothing of a foreign text command the terminal', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    assert.ok(lines(200).every((line) => !/[\x00-\x1f\x7f]/.test(line)))
  })

  for (const columns of [20, 40, 60, 80, 100, 200]) {
    it(`fits into ${columns} columns`, () => {
      const shown = lines(columns)
      assert.ok(
        shown.every((line) => line.length <= columns),
        shown.join('\n'),
      )
      assert.ok(shown.some((line) => line.startsWith('down')))
    })
  }

  it('keeps the most important columns in a narrow terminal, and adds a trend to a wide one', () => {
    assert.match(lines(48)[1]!, /^EXPORTER +STATE +BREAKER +RATE\/S +QUEUE/)
    assert.ok(!lines(48)[1]!.includes('TYPE'))
    assert.match(lines(120)[1]!, /DROPPED +TREND$/)
  })

  it('says how many exporters a low terminal hides', () => {
    const shown = lines(80, 6)
    assert.ok(shown.length <= 6)
    assert.match(shown.at(-1)!, /^and \d more exporters/)
  })

  it('shows which of several endpoints serves, and whose breakers are not closed', () => {
    const given = status({ otel: {} })
    const endpoints = (...breakers: string[]) => {
      const serving = breakers.indexOf('closed')
      const one = breakers.map((breaker, endpoint) => ({ breaker, serves: endpoint === serving }))
      const exporters = { otel: { ...given.exporters.otel!, endpoints: one as never } }
      const view = createRates().add({ ...given, exporters }, 0, 0)
      return [
        renderTop(view, 'http://h:1', { ...plain, columns: 80, rows: 40 })[3],
        plainLines(view)[0]?.match(/endpoint=\w+/)?.[0],
      ]
    }
    assert.deepEqual(endpoints('closed', 'closed'), ['  endpoint 0 serves', 'endpoint=0'])
    assert.deepEqual(endpoints('open', 'closed'), ['  endpoint 1 serves, endpoint 0 open', 'endpoint=1'])
    assert.deepEqual(endpoints('open', 'half_open'), [
      '  no endpoint serves, endpoint 0 open, endpoint 1 half_open',
      'endpoint=none',
    ])
  })

  it('makes one plain line of each exporter for a pipe', () => {
    assert.deepEqual(plainLines(view).slice(0, 2), [
      '1970-01-01T00:16:40.000Z down state=serving breaker=open rate=0.0 queue=900 in_flight=0 dropped=0',
      '1970-01-01T00:16:40.000Z full state=serving breaker=closed rate=10.0 queue=0 in_flight=0 dropped=33 (queue_full 31, rejected 2)',
    ])
  })

  it('counts from zero after a restart of the service', () => {
    const after = viewOf({ a: { accepted: 5000 } }, { a: { accepted: 20 } })
    assert.equal(after.exporters[0]!.rate, 20)
  })

  it('draws trends and short numbers', () => {
    assert.equal(sparkline([0, 1, 2, 4, 7, 7], 5), '▂▃▅██')
    assert.equal(sparkline([0, 0], 5), '▁▁')
    assert.deepEqual([0, 0.25, 3, 999, 1234, 99_960, 999_700, 3_400_000].map(shortNumber), [
      '0',
      '0.3',
      '3',
      '999',
      '1.2k',
      '100k',
      '1.0M',
      '3.4M',
    ])
  })
})

/** A terminal of a certain size, and the keyboard in front of it. */
function fakeTerminal(env: Record<string, string>, columns: number) {
  let text = ''
  const input = Object.assign(new EventEmitter(), {
    isTTY: true,
    raw: [] as boolean[],
    setRawMode(raw: boolean) {
      input.raw.push(raw)
    },
    resume() {},
    pause() {},
  })
  const output = Object.assign(new EventEmitter(), {
    isTTY: true,
    columns,
    rows: 20,
    write(more: string) {
      text += more
      output.emit('written')
      return true
    },
  })
  return { input, output, text: () => text, terminal: createTerminal(env, { input, output, errors: output }) }
}

describe('telemachine top', () => {
  let service: Service
  before(async () => {
    service = await openService()
  })
  after(() => service.close())

  it('prints the view once', async () => {
    const { code, stdout } = await run(['top', service.url, '--once', '--interval', '0.1'], withToken)
    assert.match(stdout, /running {2}1 exporter {2}\S+ events\/s\nEXPORTER.*\nmock +mock +serving +closed/)
    assert.ok(!stdout.includes('\x1b'), 'a pipe gets no colours')
    assert.equal(code, 0)
  })

  it('has colours and a width where the environment says so', async () => {
    const env = { TELEMACHINE_TOKEN: token, FORCE_COLOR: '1', COLUMNS: '40' }
    const { stdout } = await run(['top', service.url, '--once', '--interval', '0.1'], { env })
    assert.ok(stdout.includes('\x1b[32mserving'))
    for (const line of stripVTControlCharacters(stdout).split('\n')) assert.ok(line.length <= 40, line)
    const none = await run(['top', service.url, '--once', '--interval', '0.1'], {
      env: { ...env, NO_COLOR: '1' },
    })
    assert.ok(!none.stdout.includes('\x1b'))
  })

  it('prints plain lines into a pipe until it is ended', async () => {
    const running = await start(['top', service.url, '--interval', '0.1'], withToken)
    await running.prints(/mock state=serving breaker=closed rate=.*\n.*mock state=serving/)
    assert.equal((await running.end('SIGINT')).code, 0)
  })

  it('redraws a terminal until q, and gives it back as it was', async () => {
    const { input, output, text, terminal } = fakeTerminal({ TELEMACHINE_TOKEN: token }, 90)
    const context: CommandContext = {
      terminal,
      env: { TELEMACHINE_TOKEN: token },
      signal: new AbortController().signal,
    }
    const ended = top.run([service.url, '--interval', '0.1'], context)
    const drawn = async (count: number): Promise<void> => {
      while (text().split('\x1b[H').length - 1 < count)
        await new Promise((resolve) => output.once('written', resolve))
    }
    await drawn(2)
    assert.ok(text().includes('\x1b[32mserving'))
    output.columns = 40
    const before = text().length
    output.emit('resize')
    const redrawn = text().slice(before)
    const shown = stripVTControlCharacters(redrawn).split('\r\n')
    assert.ok(
      shown.every((line) => line.length <= 40),
      redrawn,
    )
    input.emit('data', Buffer.from('q'))
    assert.equal(await ended, 0)
    assert.deepEqual(input.raw, [true, false])
    assert.ok(text().endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l'))
    assert.deepEqual([input.listenerCount('data'), output.listenerCount('resize')], [0, 0])
  })
})
