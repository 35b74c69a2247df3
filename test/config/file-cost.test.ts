// Guards the process against its own configuration file: 1 MiB of any shape is read, or refused by line and column,
// in less than 200 ms and 64 MB. A dotted key of 80 KB took 10 s and 1.8 GB.
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { createRedactor } from '../../src/config/presentation/redact.ts'
import { parseConfigText } from '../../src/config/sources/file.ts'
import { shortest, stopwatch } from '../support/stopwatch.ts'
import { hostileJson, hostileToml } from './hostile-files.ts'

// biome-ignore lint/suspicious/noTemplateCurlyInString: as a file refers to a variable.
const reference = '"${A}"'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'
/** Files per language that are made by its grammar. */
const numRuns = nightly ? 100 : 8
const maxMs = 200
const maxBytes = 64 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const variables = { HOME: '/root', LONG_KEY: 'k'.repeat(100_000) }

function cost(name: string, text: string) {
  collectGarbage()
  const before = process.memoryUsage()
  const busyFor = stopwatch()
  const { problems } = parseConfigText(name, text, variables, createRedactor())
  const ms = busyFor()
  const after = process.memoryUsage()
  const bytes = after.heapUsed + after.external - before.heapUsed - before.external
  for (const problem of problems.listed) {
    assert.ok(problem.line !== undefined && problem.column !== undefined, JSON.stringify(problem))
    assert.ok(problem.message.length < 2000)
  }
  return { ms, bytes }
}

async function assertCheap(name: string, text: string): Promise<void> {
  const ms = await shortest(maxMs, () => {
    const found = cost(name, text)
    assert.ok(found.bytes < maxBytes, `${found.bytes} bytes`)
    return found.ms
  })
  assert.ok(ms < maxMs, `${ms} ms`)
}

describe('a hostile configuration file', () => {
  for (const [what, make] of Object.entries(hostileToml))
    it(`of TOML costs little: ${what}`, () => assertCheap('x.toml', make()))

  for (const [what, make] of Object.entries(hostileJson))
    it(`of JSON costs little: ${what}`, () => assertCheap('x.json', make()))
})

/** Texts of TOML with a # in the place of a number that makes repetitions differ. */
const tomlGrammar = fc.letrec<{ key: string; value: string; line: string }>((tie) => {
  const name = fc.constantFrom('a', 'b#', '"a"', '"b.#"', "'c#'", 'telemetry', 'otel', '""')
  const scalar = fc.constantFrom(
    '1',
    '-0.5',
    'true',
    '2026-01-01',
    '"x"',
    "'y#'",
    '"\\n"',
    '"""\nz"""',
    "'''w\n'''",
    reference,
    'nan',
  )
  return {
    key: fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')),
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      scalar,
      fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`),
      fc
        .array(fc.tuple(tie('key'), tie('value')), { maxLength: 3 })
        .map((pairs) => `{ ${pairs.map(([key, value]) => `${key} = ${value}`).join(', ')} }`),
    ),
    line: fc.oneof(
      tie('key').map((key) => `[${key}]`),
      tie('key').map((key) => `[[${key}]]`),
      fc.tuple(tie('key'), tie('value')).map(([key, value]) => `${key} = ${value}`),
      fc.constantFrom('', '# a comment', ' \t'),
    ),
  }
})

const jsonGrammar = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('1', '-0.5e3', 'true', 'null', '"x"', '"\\n#"', '"\\u0041"', '""', reference),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values.join(',')}]`),
    fc
      .uniqueArray(fc.constantFrom('"a"', '"b#"', '"telemetry"', '"otel"', '""'), { maxLength: 3 })
      .chain((keys) =>
        fc
          .tuple(...keys.map(() => tie('value')))
          .map((values) => `{${keys.map((key, i) => `${key}:${values[i]}`).join(',')}}`),
      ),
  ),
}))

/** A text repeated until it is large, each repetition with a number of its own, and perhaps cut off. */
function large(unit: string, separator: string, count: number, cut: number): string {
  const length = unit.length + separator.length + 4
  const times = Math.min(count, Math.floor((1024 * 1024) / length))
  const text = Array.from({ length: times }, (_, i) => unit.replaceAll('#', String(i))).join(separator)
  return cut < 0.8 ? text : text.slice(0, Math.floor((text.length * (cut - 0.8)) / 0.2))
}

describe('a configuration file by the grammar of its language', () => {
  const count = fc.constantFrom(1, 10, 1000, 1_000_000)
  const cut = fc.double({ min: 0, max: 1, noNaN: true })

  it('costs little in TOML, however it is repeated, nested and cut off', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(tomlGrammar.line, { minLength: 1, maxLength: 6 }),
        fc.tuple(fc.constantFrom('', 'a=', '[telemetry.otel]\n'), fc.constantFrom('', '[', '{a=', 'a.', '"')),
        count,
        cut,
        async (lines, [head, opening], times, at) => {
          const unit = `${lines.join('\n')}\n`
          await assertCheap('x.toml', large(unit, '', times, at))
          await assertCheap('x.toml', head + large(opening, '', times, 0) + large(unit, '', times, at))
        },
      ),
      { numRuns },
    )
  })

  it('costs little in JSON, however it is repeated, nested and cut off', async () => {
    await fc.assert(
      fc.asyncProperty(
        jsonGrammar.value,
        fc.constantFrom('', '[', '{"a":', '{"telemetry":{"otel":'),
        count,
        cut,
        async (value, opening, times, at) => {
          await assertCheap('x.json', `[${large(value, ',', times, at)}]`)
          await assertCheap('x.json', large(opening, '', times, 0) + large(value, ',', times, at))
        },
      ),
      { numRuns },
    )
  })
})
