import { hostname } from 'node:os'
import type { Config, ConfigOf, ExporterSchema } from '../exporter.ts'
import { declaredMetrics, labelKeys } from '../metric-keys.ts'
import { proxyKeys } from '../proxy-keys.ts'
import { keyOf, plainTag, tagOf } from './names.ts'

/** Datadog's sites, by the name that DD_SITE has (documentation: Getting started, Datadog sites). */
export const sites: ReadonlySet<string> = new Set([
  'datadoghq.com',
  'us3.datadoghq.com',
  'us5.datadoghq.com',
  'datadoghq.eu',
  'ap1.datadoghq.com',
  'ap2.datadoghq.com',
  'uk1.datadoghq.com',
  'ddog-gov.com',
  'us2.ddog-gov.com',
])

/** DD_TAGS is separated by commas or, when it has none, by spaces. */
const parseTags = (text: string): readonly string[] =>
  text
    .split(text.includes(',') ? ',' : /\s+/)
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')

const trimmed = (text: string): string | undefined => text.trim() || undefined
const named = (name: string) => [{ name, read: trimmed }]

/** Keys of the exporter, beside those that every exporter has. */
export const datadogSchema = {
  transport: {
    format: ['agentless', 'dogstatsd'],
    default: 'agentless',
    change: 'rebuild',
    doc: "`agentless` posts to Datadog's API; `dogstatsd` sends to a local agent, with the package hot-shots.",
  },
  api_key: {
    format: 'string',
    default: null,
    nullable: true,
    sensitive: true,
    change: 'rebuild',
    doc: 'API key of the organisation. Needed by the transport `agentless`.',
    env: named('DD_API_KEY'),
  },
  site: {
    format: 'host',
    default: 'datadoghq.com',
    change: 'rebuild',
    destination: (site) => `https://api.${site}`,
    doc: `Datadog site, one of ${[...sites].join(', ')}. Ignored if api_url is set.`,
    env: [{ name: 'DD_SITE', read: (text) => text.trim().toLowerCase() || undefined }],
  },
  api_url: {
    format: 'http-url',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'Base URL instead of https://api.<site>, for a proxy or a test; /api/v2/series and /api/v1/distribution_points are added.',
  },
  ...proxyKeys,
  compression: {
    format: ['none', 'deflate', 'gzip'],
    default: 'deflate',
    change: 'rebuild',
    doc: 'Compression of requests. Datadog accepts distributions only uncompressed or with deflate: with `gzip`, they are sent with deflate.',
  },
  agent_host: {
    format: 'host',
    default: '127.0.0.1',
    change: 'rebuild',
    doc: 'Host of the agent, for the transport `dogstatsd`.',
    env: named('DD_AGENT_HOST'),
  },
  agent_port: {
    format: 'port',
    default: 8125,
    min: 1,
    change: 'rebuild',
    doc: 'UDP port of the agent, for the transport `dogstatsd`.',
    env: named('DD_DOGSTATSD_PORT'),
  },
  socket_path: {
    format: 'file-path',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'Unix datagram socket of the agent, instead of agent_host and agent_port. Needs the package unix-dgram beside hot-shots.',
    env: named('DD_DOGSTATSD_SOCKET'),
  },
  service: nameKey('Tag `service` of everything sent.', 'DD_SERVICE'),
  env: nameKey('Tag `env` of everything sent.', 'DD_ENV'),
  version: nameKey('Tag `version` of everything sent.', 'DD_VERSION'),
  tags: {
    format: 'tags',
    default: [],
    change: 'hot',
    doc: 'More tags of everything sent: a list such as "team:core", or a table. A tag of the event wins over one with the same key.',
    env: [{ name: 'DD_TAGS', read: parseTags }],
  },
  hostname: {
    format: 'name',
    default: null,
    nullable: true,
    change: 'hot',
    doc: 'Host that metrics over the API name. None: the name of this machine.',
    env: named('DD_HOSTNAME'),
  },
  metrics: declaredMetrics('tags'),
  ...labelKeys('tags', 'never do'),
  aggregation_interval: {
    format: 'seconds',
    default: null,
    nullable: true,
    min: 0,
    max: 600,
    unit: 's',
    change: 'hot',
    doc: 'How long values are aggregated before they are queued, to the second. None: as long as flush_interval.',
  },
  max_contexts: {
    format: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'contexts',
    change: 'hot',
    doc: 'Largest number of combinations of metric and tags that are aggregated at a time. Beyond it, one context per metric, otel_metric_overflow:true, takes the rest: only their tags are lost.',
  },
} as const satisfies ExporterSchema

/** The configuration keys of the exporter type `datadog`. */
export type DatadogSchema = typeof datadogSchema

/** The configuration of a datadog exporter. */
export type DatadogConfig = ConfigOf<DatadogSchema>

function nameKey(doc: string, variable: string) {
  return { format: 'name', default: null, nullable: true, change: 'hot', doc, env: named(variable) } as const
}

/** Defaults of common keys that differ for this type. */
export const datadogDefaults: Readonly<Record<string, unknown>> = {
  flush_interval: 10,
  // Datadog does not take points that are older, and does not say so.
  max_age: 3600,
  max_request_bytes: 500_000,
}

/** Rules across keys. `obtainsKey`: the program gives the API key by a function. */
export function validate(
  config: DatadogConfig,
  obtainsKey = false,
): readonly (readonly [key: string, message: string])[] {
  const problems: [string, string][] = []
  if (config.transport === 'dogstatsd' || config.enabled === false) return problems
  if (config.api_key === null || config.api_key.trim() === '') {
    if (!obtainsKey)
      problems.push([
        'api_key',
        'is missing: the transport agentless needs an API key (DD_API_KEY); transport = "dogstatsd" needs none',
      ])
  } else if (!/^[\x21-\x7e]+$/.test(config.api_key)) {
    problems.push(['api_key', 'must be visible ASCII characters without spaces'])
  }
  if (config.api_url === null && !sites.has(config.site)) {
    problems.push([
      'site',
      `${JSON.stringify(config.site)} is no Datadog site that is known: one of ${[...sites].join(', ')}; any other address is given as api_url`,
    ])
  }
  return problems
}

/** Where agentless metrics go, without a trailing slash. */
export const baseUrl = ({ api_url, site }: DatadogConfig): URL => new URL(api_url ?? `https://api.${site}`)

/** Seconds that values are summed up. */
export const aggregationSeconds = (config: Config): number =>
  (config.aggregation_interval as number | null) ?? (config.flush_interval as number)

/** Tags and host that everything sent has in common. */
export interface Origin {
  readonly host: string
  readonly tags: readonly { readonly key: string; readonly tag: string }[]
}

const origins = new WeakMap<DatadogConfig, Origin>()

export function originOf(config: DatadogConfig): Origin {
  const known = origins.get(config)
  if (known) return known
  const given = (['service', 'env', 'version'] as const).map((key) => {
    const value = config[key]
    return value === null ? undefined : tagOf(key, value)
  })
  const { tags: more } = config
  if (isList(more)) given.push(...more.map((tag) => plainTag(tag)))
  else given.push(...Object.entries(more).map(([key, value]) => tagOf(key, value)))
  const tags = [...new Set(given.filter((tag) => tag !== undefined))].map((tag) => ({ key: keyOf(tag), tag }))
  const origin = { host: config.hostname ?? hostname(), tags }
  origins.set(config, origin)
  return origin
}

/** `Array.isArray` does not narrow a readonly list. */
const isList = (value: DatadogConfig['tags']): value is readonly string[] => Array.isArray(value)
