import { hostname } from 'node:os'
import { messageOf, TelemetryError } from '../errors.ts'
import { natsConfig } from '../nats/config-source.ts'
import { createGateway } from '../nats/gateway/gateway.ts'
import {
  type Command,
  type CommandContext,
  CommandError,
  type ExitCode,
  exitCodes,
  numberOption,
  parse,
  usageError,
} from './command.ts'
import { natsOptions, natsOptionsHelp, natsServers } from './nats-options.ts'

const stopMs = 5000
const usageCodes = new Set(['NATS_OPTION_INVALID', 'NATS_PACKAGE_MISSING'])

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const { values, positionals } = parse(args, {
    ...natsOptions,
    prefetch: { type: 'string' },
    node: { type: 'string' },
    cache: { type: 'string' },
  })
  if (positionals.length > 1) throw usageError('gateway takes one configuration file, or none')
  const { terminal, signal, env } = context
  const servers = natsServers(values, context)
  const prefetch = numberOption('prefetch', values.prefetch, { fallback: 64, min: 1, max: 10_000 })
  // Gateways have a document of their own: their exporters are others than those of nodes.
  const key = values.key ?? 'gateways'
  const node =
    values.node ??
    `gateway-${hostname()
      .replace(/[^A-Za-z0-9_-]/g, '_')
      .slice(0, 40)}-${process.pid}`
  try {
    const gateway = createGateway({
      ...servers,
      stream: values.stream,
      prefetch,
      config: {
        file: positionals[0],
        env,
        remote: [
          natsConfig({
            ...servers,
            bucket: values.bucket,
            key,
            node,
            role: 'gateway',
            cacheFile: values.cache,
          }),
        ],
      },
    })
    await gateway.start()
    terminal.print(
      `${node} sends ${Object.keys(gateway.telemetry.status().exporters).join(', ') || 'nothing yet'}`,
    )
    await untilAborted(signal)
    // A signal ends a command soon after: this one has something to give back first.
    const report = await gateway.stop({ timeoutMs: stopMs })
    const delivered = Object.values(report.exporters).reduce((sum, ledger) => sum + ledger.delivered, 0)
    terminal.print(`${node} has delivered ${delivered} events, and is stopped`)
    return exitCodes.fine
  } catch (error) {
    if (!(error instanceof TelemetryError)) throw error
    const { code } = error
    throw new CommandError(
      usageCodes.has(code)
        ? exitCodes.usage
        : code.startsWith('NATS_')
          ? exitCodes.unreachable
          : exitCodes.problems,
      messageOf(error),
    )
  }
}

/** `telemachine gateway`: sends telemetry from a stream on NATS to a backend. */
export const gateway: Command = {
  help: `Usage: telemachine gateway [telemetry.toml]

Sends the telemetry that nodes have published to a stream on NATS to backends, until you end it. The file has tables of
the types otel, otel_metrics and otel_logs. Changes of the file, and of the document under --key, take effect while the
gateway runs. Any number of gateways may share a stream.

  --prefetch <n>       largest number of messages of a signal that it holds; default 64
  --node <name>        name of the gateway in \`telemachine fleet status\`
  --cache <file>       file that keeps the last valid document, to start without the server
${natsOptionsHelp.replace('default config', 'default gateways')}

Exit codes: 0 ended by a signal, 1 the configuration has problems, 2 wrong usage, 3 NATS failed or refused.`,
  keepsRunning: true,
  run,
}
