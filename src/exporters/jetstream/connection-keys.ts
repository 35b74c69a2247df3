import { hostOf, serverProblem } from '../../nats-client/servers.ts'
import type { ExporterSchema } from '../key.ts'
import { exporterKeys, pushKeys } from '../keys.ts'
import { certificateProblems, common, tlsFileKeys } from '../otel/connection-keys.ts'
import type { Signal } from '../otel/signal.ts'
import { sdkDisabled } from '../otel/variables.ts'
import type { CommonKeyName, ConfigOf } from '../typed-config.ts'

/** The subject that requests of a signal are published to, which the Collector's NATS receiver uses, too. */
export const subjectOf: Readonly<Record<Signal['variable'], string>> = {
  TRACES: 'otel.spans',
  METRICS: 'otel.metrics',
  LOGS: 'otel.logs',
}

/** Where a URL of a NATS server leads, as one that rules on destinations can be applied to. */
export function httpUrlOf(server: string): string {
  if (serverProblem(server) !== undefined) return server
  const { host, port, tls } = hostOf(server)
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The keys of a connection to a stream. */
export const jetstreamKeys = (signal: Signal) =>
  ({
    enabled: common(exporterKeys.enabled, { name: 'OTEL_SDK_DISABLED', read: sdkDisabled }),
    server: {
      format: 'string',
      default: 'nats://localhost:4222',
      change: 'rebuild',
      doc: 'URL of a NATS server, `nats://…` or `tls://…`. It names the other servers of its cluster.',
      destination: httpUrlOf,
    },
    subject: {
      format: 'name',
      default: subjectOf[signal.variable],
      change: 'rebuild',
      doc: `Subject to which requests with ${signal.items} are published. A stream must store it.`,
    },
    user: {
      format: 'string',
      default: null,
      nullable: true,
      change: 'rebuild',
      doc: 'User of the NATS server; with password.',
    },
    password: {
      format: 'string',
      default: null,
      nullable: true,
      change: 'rebuild',
      sensitive: true,
      doc: 'Password of the user.',
    },
    token: {
      format: 'string',
      default: null,
      nullable: true,
      change: 'rebuild',
      sensitive: true,
      doc: 'Token for the NATS server, instead of a user.',
    },
    credentials_file: {
      format: 'file-path',
      default: null,
      nullable: true,
      change: 'rebuild',
      doc: 'NATS credentials file, with a JWT and the seed of its key, instead of a user.',
    },
    inbox: {
      format: 'name',
      default: '_INBOX',
      change: 'rebuild',
      doc: 'Prefix of the subjects for answers of the server, if the credentials permit only one.',
    },
    ...tlsFileKeys('server'),
    retry_attempts: {
      ...pushKeys.retry_attempts,
      default: 1_000_000,
      doc: 'Attempts after the first. Then a batch that fails while others succeed is dropped (`retries_exhausted`). The default is practically no limit, because a stream refuses batches when it is full, whatever they contain.',
    },
    max_request_bytes: {
      ...pushKeys.max_request_bytes,
      default: 1_000_000,
      doc: 'Largest size of a message; batches are split to fit. The `max_payload` of the server, 1 MiB by default, limits it too.',
    },
  }) as const satisfies ExporterSchema

/** The configuration of such a connection. */
export type JetStreamConnection = Omit<ConfigOf<ReturnType<typeof jetstreamKeys>>, CommonKeyName>

/** Dots between tokens; no wildcards, no blanks, and nothing that NATS keeps for itself. */
const subject = /^(?!\$)[^\s.*>]+(\.[^\s.*>]+)*$/

/** Rules across keys, and those of values that no format has. */
export function connectionProblems(
  config: JetStreamConnection,
): readonly (readonly [key: string, message: string])[] {
  const problems: (readonly [string, string])[] = [...certificateProblems(config)]
  const server = serverProblem(config.server)
  if (server !== undefined) problems.push(['server', server])
  for (const key of ['subject', 'inbox'] as const)
    if (!subject.test(config[key]))
      problems.push([key, 'must be a subject without wildcards, for example otel.spans'])
  if ((config.user === null) !== (config.password === null))
    problems.push(
      config.user === null
        ? ['user', 'must be given together with password']
        : ['password', 'must be given together with user'],
    )
  const ways = [config.user, config.token, config.credentials_file].filter((value) => value !== null)
  if (ways.length > 1)
    problems.push(['credentials_file', 'must be the only one of user, token and credentials_file'])
  return problems
}
