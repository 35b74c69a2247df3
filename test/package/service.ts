import assert from 'node:assert/strict'
import type { Ended } from './packed.ts'
import { manifest } from './packed.ts'

/** Checks that `fixtures/service.mjs`, however it was loaded, did all that it does, and wrote no warning. */
export function assertWholeService({ code, stdout, stderr }: Ended): void {
  assert.equal(stderr, '')
  assert.equal(code, 0)
  const { page, ...seen } = JSON.parse(stdout) as { page: Record<string, number> }
  assert.deepEqual(seen, {
    beforeStart: 'bundled',
    states: {
      otel: 'serving',
      official: 'serving',
      prometheus: 'serving',
      datadog: 'serving',
      mock: 'serving',
    },
    counter: '3',
    defaultMetrics: true,
    native: ['checkout', 'shop.query'],
    official: ['checkout', 'shop.query'],
    version: manifest.version,
    service: 'bundled',
    datadog: true,
    complete: true,
  })
  for (const [path, length] of Object.entries(page))
    assert.ok(length > 1_000, `the page's ${path}: ${length}`)
}
