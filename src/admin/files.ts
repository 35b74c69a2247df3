import type { Answer } from '../http-server/answer.ts'
import { refusal } from './answer.ts'
import { readVisualization } from './visualizations.ts'

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
} as const

/** No inline script or style, nothing from anywhere else. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** A chart opened on its own brings its stylesheet inside. */
const chartPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

const assets = [
  'style.css',
  'panels.css',
  'api.js',
  'app.js',
  'card.js',
  'chart.js',
  'configuration.js',
  'dom.js',
  'endpoints.js',
  'field.js',
  'fleet.css',
  'fleet.js',
  'fleet-row.js',
  'judge.js',
  'log.js',
  'overview.js',
  'plot.js',
  'review.js',
  'samples.js',
  'severity.js',
  'tap.js',
  'timeline.js',
  'values.js',
] as const
const machines = ['breaker', 'delivery', 'exporter', 'failover', 'spool', 'system'] as const

/** Everything that may be fetched, by its path: a request can name nothing else. */
const known = new Map<string, { readonly file: string; readonly type: keyof typeof types }>([
  ['', { file: 'page/index.html', type: 'html' }],
  ...assets.map(
    (name) => [`page/${name}`, { file: `page/${name}`, type: name.endsWith('css') ? 'css' : 'js' }] as const,
  ),
  ...machines.map((name) => [`machines/${name}.svg`, { file: `${name}.svg`, type: 'svg' }] as const),
])

export const isFile = (path: string): boolean => known.has(path)

/** The files of the live page and the charts, each read when first asked for and then kept. */
export function createFiles(): (path: string) => Answer {
  const read = new Map<string, Buffer>()

  return (path) => {
    const entry = known.get(path)
    const body = entry && (read.get(path) ?? readVisualization(entry.file))
    if (!entry || !body) return refusal(404, 'ADMIN_NOT_FOUND', 'there is no such page')
    read.set(path, body)
    return {
      status: 200,
      headers: {
        'content-type': types[entry.type],
        'content-security-policy': entry.type === 'svg' ? chartPolicy : pagePolicy,
      },
      body,
    }
  }
}
