// What the README tells a stranger to type works (its first program: test/documents): TypeScript is type-checked and run
// against real servers on loopback, TOML is a configuration that starts, commands are scripts of the package, links lead somewhere, and every
// reason in a ledger is explained.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTelemetry, dropReasons } from '../src/index.ts'
import { type Backend, createBackend } from '../src/testing/index.ts'
import { compileProgram } from './support/programs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const textOf = (name: string): string => readFileSync(join(root, name), 'utf8')
const readme = textOf('README.md')
const run = promisify(execFile)

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text!)

/** A block without imports goes on where the one before ended. */
function programs(): string[] {
  const list: string[] = []
  for (const block of blocks('ts'))
    if (block.startsWith('import ') || list.length === 0) list.push(block)
    else list.push(`${list.pop()}\n${block}`)
  return list
}

const bareEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(TELEMETRY|OTEL|DD)_/.test(name)),
)

/** What is at `localhost:3100` in the document: takes whatever is posted. */
function createTaker() {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(204).end()
    })
  })
  return {
    bodies,
    listen: () => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)),
    origin: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

describe('the README', () => {
  const folder = mkdtempSync(join(tmpdir(), 'telemachine-readme-'))
  const [a, b]: Backend[] = [createBackend(), createBackend()] as const
  const loki = createTaker()

  before(() => Promise.all([a!.listen(), b!.listen(), loki.listen()]))
  after(async () => {
    await Promise.all([a!.close(), b!.close(), loki.close()])
    rmSync(folder, { recursive: true })
  })

  /** Places of the document that are elsewhere in a test. */
  const relocated = (text: string): string =>
    text
      .replaceAll("'telemachine/testing'", `'${join(root, 'src/testing/index.ts')}'`)
      .replaceAll("'telemachine/admin'", `'${join(root, 'src/admin/index.ts')}'`)
      .replaceAll("'telemachine'", `'${join(root, 'src/index.ts')}'`)
      .replaceAll('http://localhost:4318/v1/traces', a!.url)
      .replaceAll('http://collector-b:4318/v1/traces', b!.url)
      .replaceAll('http://localhost:3100', loki.origin())
      .replaceAll(/\b(9464|9090)\b/g, '0')

  const write = (program: number): string => {
    const file = join(folder, `program-${program}.mts`)
    writeFileSync(file, relocated(programs()[program]!))
    return file
  }
  const play = async (program: number) =>
    run(process.execPath, [await compileProgram(relocated(programs()[program]!))], {
      ...{ cwd: folder, env: { ...bareEnvironment, ADMIN_TOKEN: 'only-for-this-test' } },
    })

  it('has programs that the compiler accepts', async () => {
    const files = programs().map((_, program) => write(program))
    assert.equal(files.length, 5)
    const config = join(folder, 'tsconfig.json')
    const compilerOptions = {
      rewriteRelativeImportExtensions: false,
      typeRoots: [join(root, 'node_modules/@types')],
      types: ['node'],
    }
    writeFileSync(
      config,
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files }),
    )
    const errors = await run(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      config,
    ]).then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout,
    )
    // The sources behind them are checked elsewhere.
    assert.deepEqual(
      errors.split('\n').filter((line) => line.includes('program-')),
      [],
    )
  })

  it('shows a program that sends spans, moves, reports and ends', async () => {
    const { stdout, stderr } = await play(0)
    assert.equal(stderr, '')
    assert.match(stdout, /^serving$/m)
    assert.match(stdout, /^closed$/m)
    assert.match(stdout, /http:\/\/127\.0\.0\.1:\d+\/stats/)
    assert.match(stdout, /^true \{$/m, 'the report is complete')
    assert.deepEqual(
      [...a!.spans, ...b!.spans].map(({ name }) => name),
      ['checkout'],
    )
  })

  it('shows a change over HTTP', async () => {
    const { stdout, stderr } = await play(1)
    assert.equal(stderr, '')
    assert.equal(stdout, '200 100\n')
  })

  it('shows an exporter of one’s own that delivers', async () => {
    const { stderr } = await play(2)
    assert.equal(stderr, '')
    const [line] = loki.bodies
    assert.match(line ?? '', /mailbox full/)
    assert.match(line ?? '', /"\d{19}"/, 'Loki wants nanoseconds')
  })

  it('shows tests that pass', async () => {
    await Promise.all([play(3), play(4)])
  })

  it('has a configuration that starts', async () => {
    const [toml] = blocks('toml')
    const file = join(folder, 'telemetry.toml')
    writeFileSync(file, relocated(toml!))
    const telemetry = createTelemetry({
      config: { file, env: { COLLECTOR_TOKEN: 'secret' } },
      drainOnExit: false,
    })
    await telemetry.start()
    try {
      const states = () => Object.values(telemetry.status().exporters).map(({ state }) => state)
      // start() waits a second for clients to open; a busy machine may take longer.
      while (states().includes('opening')) await new Promise(setImmediate)
      const { exporters } = telemetry.status()
      assert.deepEqual(
        Object.entries(exporters).map(([id, { type, state }]) => [id, type, state]),
        [
          ['otel', 'otel', 'serving'],
          ['otel_eu', 'otel', 'serving'],
          ['prometheus', 'prometheus', 'serving'],
        ],
      )
      assert.equal(exporters.otel_eu?.config.endpoint, b!.url)
    } finally {
      await telemetry.stop()
    }
  })

  it('names variables that are heard, in the order it says', async () => {
    const file = join(folder, 'order.toml')
    writeFileSync(file, '[telemetry.otel]\nbatch_size = 3\nqueue_size = 3\n')
    const env = {
      TELEMETRY_BATCH_SIZE: '2',
      TELEMETRY_OTEL_QUEUE_SIZE: '2',
      TELEMETRY_OTEL_MAX_IN_FLIGHT: '2',
      OTEL_EXPORTER_OTLP_ENDPOINT: new URL('/', a!.url).href,
    }
    const init = { otel: { queue_size: 4 } }
    const telemetry = createTelemetry({ config: { file, env, init }, drainOnExit: false })
    await telemetry.start()
    try {
      const values = ['max_in_flight', 'batch_size', 'queue_size', 'endpoint'].map((key) =>
        telemetry.config.get(`telemetry.otel.${key}`),
      )
      assert.deepEqual(values, [2, 3, 4, a!.url])
      await telemetry.config.put('telemetry.otel.queue_size', 5)
      assert.equal(telemetry.config.get('telemetry.otel.queue_size'), 5)
    } finally {
      await telemetry.stop()
    }
  })

  it('tells no command that the package does not have', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
    const commands = blocks('sh').flatMap((text) => text.split(/&&|\n/).map((command) => command.trim()))
    for (const command of commands.filter(
      (text) => text !== '' && !/^npm (ci|install telemachine)$/.test(text),
    )) {
      const [program, word, script] = command.split(' ')
      if (program === 'node') {
        assert.ok(
          blocks('js').some((text) => text.startsWith(`// ${word}\n`)),
          command,
        )
        continue
      }
      assert.equal(program, 'npm', command)
      assert.ok(scripts[word === 'run' ? script! : word!], command)
    }
  })
})

describe('the documents', () => {
  const documents = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join('docs', name)),
  ]

  for (const name of documents)
    it(`${name} has no link that leads nowhere`, () => {
      for (const [, target] of textOf(name).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g))
        assert.ok(existsSync(join(root, dirname(name), target!)), target)
    })

  it('explain every reason that a ledger may name, and no other', () => {
    const [, reasons] = textOf('docs/ledger.md').split('## Why an event is dropped')
    const explained = [...reasons!.matchAll(/^\| `([a-z_]+)` +\|/gm)].map(([, reason]) => reason)
    assert.deepEqual(explained.toSorted(), dropReasons.toSorted())
  })
})
