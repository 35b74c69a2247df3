import type { ExporterSchema } from './key.ts'

/**
 * In a program that a web server runs by CGI, HTTP_PROXY is the header `Proxy` of the request, which its sender chose.
 */
const outsideCgi = (text: string, variable: (name: string) => string | undefined): string | undefined =>
  variable('REQUEST_METHOD') === undefined ? text : undefined

const allProxy = [{ name: 'all_proxy' }, { name: 'ALL_PROXY' }]

/** The keys of every exporter that posts over HTTP, for the proxy between. */
export const proxyKeys = {
  proxy: {
    format: 'proxy-url',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'URL of the proxy for every destination that no_proxy does not name, such as http://user:password@proxy.example.com:3128. Empty: no proxy, whatever the environment says. None: http_proxy and https_proxy apply.',
  },
  http_proxy: {
    format: 'proxy-url',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'URL of the proxy for destinations with http://, except loopback ones. Ignored if proxy is set.',
    env: [{ name: 'http_proxy' }, { name: 'HTTP_PROXY', read: outsideCgi }, ...allProxy],
  },
  https_proxy: {
    format: 'proxy-url',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'URL of the proxy for destinations with https://, except loopback ones. Ignored if proxy is set.',
    env: [{ name: 'https_proxy' }, { name: 'HTTPS_PROXY' }, ...allProxy],
  },
  no_proxy: {
    format: 'string',
    default: null,
    nullable: true,
    change: 'rebuild',
    doc: 'Destinations without a proxy, separated by commas: a host (and those below it), an address, a subnet such as 10.0.0.0/8, each with or without a port; `*` for all.',
    env: [{ name: 'no_proxy' }, { name: 'NO_PROXY' }],
  },
} as const satisfies ExporterSchema
