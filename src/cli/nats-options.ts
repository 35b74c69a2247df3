import type { NatsServers } from '../nats-client/servers.ts'
import type { CommandContext } from './command.ts'

/** The options of every command that speaks to NATS. */
export const natsOptions = {
  server: { type: 'string' },
  bucket: { type: 'string' },
  key: { type: 'string' },
  stream: { type: 'string' },
  creds: { type: 'string' },
  ca: { type: 'string' },
} as const

export const natsOptionsHelp = `  --server <url>       NATS server, several with commas; default: NATS_URL, or nats://127.0.0.1:4222
  --bucket <name>      bucket with the documents; default telemachine
  --key <name>         key of the document; default config
  --stream <name>      stream of telemetry; default telemachine_otel
  --creds <file>       credentials file; default: NATS_CREDS
  --ca <file>          PEM file with the authorities for the certificate of the server

NATS_USER and NATS_PASSWORD, or NATS_TOKEN, are used where they are set.`

/** Where NATS is, by the options and the environment of a command. */
export function natsServers(
  values: { readonly server?: string; readonly creds?: string; readonly ca?: string },
  { env }: CommandContext,
): NatsServers {
  const servers = (values.server ?? env.NATS_URL ?? 'nats://127.0.0.1:4222')
    .split(',')
    .map((url) => url.trim())
  return {
    servers,
    user: env.NATS_USER || undefined,
    password: env.NATS_PASSWORD || undefined,
    token: env.NATS_TOKEN || undefined,
    credentialsFile: values.creds ?? (env.NATS_CREDS || undefined),
    ...(values.ca !== undefined && { tls: { certificate: values.ca } }),
  }
}
