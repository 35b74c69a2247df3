const keys = (count: number, entry: (i: number) => readonly [string, unknown]): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => entry(i)))

const values = (length: number, value: unknown): unknown[] => Array.from({ length }, () => value)

function deep(levels: number): Record<string, unknown> {
  let inner: Record<string, unknown> = {}
  for (let i = 0; i < levels; i++) inner = { a: inner }
  return inner
}

const datadogKeys = [
  ...['api_key', 'site', 'api_url', 'compression', 'agent_host', 'agent_port', 'service', 'env', 'version'],
  ...['tags', 'hostname', 'labels', 'labels_deny'],
]

/** Changes that are small to write and were long to judge: at most 1 MiB each. */
export const hostileChanges: Readonly<Record<string, () => Record<string, unknown>>> = {
  'unknown keys': () => ({ otel: keys(990, (i) => [`key_number_${i}`, 1]) }),
  'more unknown keys than a change may have': () => ({ otel: keys(5000, (i) => [`key_number_${i}`, 1]) }),
  'unknown paths': () => keys(990, (i) => [`telemetry.otel.batch_siz${i}`, 1]),
  'paths that are none': () => keys(990, (i) => [`a b.${i}`, 1]),
  'wrong values': () =>
    keys(64, (i) => [`dd_${i}`, { type: 'datadog', ...keys(13, (k) => [datadogKeys[k]!, k]) }]),
  'exporters of unknown types': () => keys(990, (i) => [`e_${i}`, {}]),
  'sixty-four exporters': () =>
    keys(64, (i) => [
      `otel_${i}`,
      {
        type: 'otel',
        endpoint: `http://h/${i}`,
        batch_size: i + 1,
        headers: { authorization: `Bearer ${i}xxxxxxx` },
      },
    ]),
  'too many exporters': () => keys(400, (i) => [`otel_${i}`, { type: 'otel' }]),
  'a long list': () => ({ 'otel.event_patterns': values(9000, 'x') }),
  'an endless list': () => ({ 'otel.event_patterns': values(500_000, 1) }),
  'lists in lists': () => ({ 'otel.event_patterns': values(5000, values(100, 1)) }),
  'a long URL': () => ({ 'otel.endpoint': `http://${'a'.repeat(65_000)}` }),
  'a URL of blanks': () => ({ 'otel.endpoint': `http://${' '.repeat(65_000)}` }),
  'many headers': () => ({ 'otel.headers': keys(5000, (i) => [`h${i}`, 'v']) }),
  'long headers': () => ({ 'otel.headers': keys(128, (i) => [`h${i}`, `secret ${i} ${'x'.repeat(400)}`]) }),
  'headers of many words': () => ({
    'otel.headers': keys(128, (i) => [
      `auth${i}`,
      Array.from({ length: 40 }, (_, k) => `w${i}x${k}yyyyyy`).join(' '),
    ]),
  }),
  'a header of a million characters': () => ({ 'otel.headers': { a: 'aaaaaaaa '.repeat(110_000) } }),
  'a name of a million characters': () => ({ 'otel.service_name': 'x'.repeat(1_000_000) }),
  'a path of a million characters': () => ({ [`otel.${'x'.repeat(1_000_000)}`]: 1 }),
  'a hundred thousand keys': () => keys(90_000, (i) => [`k${i}`, 1]),
  'a hundred thousand keys of one exporter': () => ({ otel: keys(90_000, (i) => [`k${i}`, 1]) }),
  'depth without end': () => deep(5000),
  'tables as values': () => ({ otel: keys(500, (i) => [`x${i}`, { a: 1 }]) }),
}
