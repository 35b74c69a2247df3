// Draws docs/top.svg, the picture of `telemachine top` in docs/command.md: `npx tsx docs/top-picture.ts`.
// The statuses are made up, so that the picture is the same each time; what is drawn of them, the command's own
// renderer prints.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createRates } from '../src/cli/online/rates.ts'
import { createTerminal } from '../src/cli/terminal/terminal.ts'
import { renderTop } from '../src/cli/top-view.ts'
import type { ExporterStatus, TelemetryStatus } from '../src/status.ts'
import { terminalSvg } from './terminal-svg.ts'

const file = fileURLToPath(new URL('./top.svg', import.meta.url))
const url = 'http://127.0.0.1:9465'
const columns = 112
/** Local time, because the command shows local time. */
const start = new Date(2026, 10, 26, 9, 3, 0).getTime()
const seconds = 45
const outage = { from: 33, to: seconds }

/** Events a second that the service emits: a wave, so that the trend has a shape. */
const rateAt = (second: number): number =>
  Math.round(520 + 160 * Math.sin(second / 4) + 60 * Math.sin(second))

type Drops = ExporterStatus['ledger']['dropped']

interface Given {
  readonly type: string
  readonly accepted: number
  readonly queued?: number
  readonly inFlight?: number
  readonly dropped?: Drops
  readonly breaker?: ExporterStatus['breaker']
  readonly lastError?: ExporterStatus['lastError']
  readonly config?: ExporterStatus['config']
}

const pushing = { queue_size: 10_000, failure_threshold: 5 }

function statusOf(given: Given): ExporterStatus {
  const { type, accepted, queued = 0, inFlight = 0, dropped = {}, config = pushing } = given
  const { breaker = 'closed', lastError = null } = given
  return {
    ...{
      type,
      state: 'serving',
      breaker,
      breakerSince: start,
      probeInMs: null,
      failures: 0,
      config,
      lastError,
    },
    ledger: {
      ...{ accepted, delivered: 0, dropped, ambiguous: 0 },
      pending: { buffered: 0, held: 0, queued, in_flight: inFlight },
    },
    exports: { attempts: 0, seconds: 0 },
    client: {},
  }
}

/** What the admin API would answer so many seconds after the start, with `emitted` events by then. */
function answerAt(second: number, emitted: number): Pick<TelemetryStatus, 'system' | 'exporters' | 'bus'> {
  const isDown = second >= outage.from && second < outage.to
  const exporters = {
    otel: statusOf({ type: 'otel', accepted: emitted, queued: 96, inFlight: 512 }),
    otel_eu: statusOf({
      ...{ type: 'otel', accepted: emitted, dropped: { sampled_out: Math.round(emitted / 10) } },
      ...(isDown && {
        queued: (second - outage.from) * 480,
        breaker: 'open',
        lastError: {
          message:
            'cannot connect to http://collector-b:4318/v1/traces (ECONNREFUSED): nothing listens there; start the receiver, or correct the endpoint',
          at: start + (second - 2) * 1000,
        },
      }),
    }),
    datadog: statusOf({ type: 'datadog', accepted: Math.round(emitted * 0.4), queued: 38 }),
    prometheus: statusOf({
      ...{ type: 'prometheus', accepted: emitted, dropped: { ignored: Math.round(emitted / 40) } },
      config: {},
    }),
  }
  return { system: 'running', exporters, bus: { emitted, unrouted: 0 } as TelemetryStatus['bus'] }
}

/** The picture as it should be. */
export function drawTop(): string {
  const output = { write: () => {}, isTTY: true, columns }
  const input = { on: () => {}, off: () => {}, resume: () => {}, pause: () => {} }
  const terminal = createTerminal({ FORCE_COLOR: '1' }, { input, output, errors: output })
  const rates = createRates()
  const add = (second: number, emitted: number) =>
    rates.add(answerAt(second, emitted) as TelemetryStatus, start + second * 1000, second * 1000)
  let emitted = 0
  let view = add(0, emitted)
  for (let second = 1; second < seconds; second++) {
    emitted += rateAt(second)
    view = add(second, emitted)
  }
  const lines = [
    `${terminal.paint('green', '$')} telemachine top ${url}`,
    ...renderTop(view, url, { paint: terminal.paint, columns, rows: 24 }),
    terminal.paint('dim', 'q ends'),
  ]
  return terminalSvg(lines, columns, 'telemachine top: the exporters of a service, the one in trouble first')
}

export const readTop = (): string => readFileSync(file, 'utf8')

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, drawTop())
