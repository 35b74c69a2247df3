// Guards the first five minutes: a stranger with an empty folder, who types the commands of the README and pastes its
// program, gets spans at a receiver, metrics, the live page and the view of the command. Only the name that npm is to
// install and the port numbers differ, as nothing is released yet and other tests listen at the same time.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createBackend } from '../../src/testing/index.ts'
import { createFolder, packedTarball, root } from '../package/packed.ts'
import { createBareMachine } from './bare-machine.ts'

const [, section] = /^## Five minutes\n(.*?)^## /ms.exec(readFileSync(join(root, 'README.md'), 'utf8'))!
const blocksOf = (language: string): string[] =>
  [...section!.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text!)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** The text with the ports that this test has found. */
const moved = (text: string, ports: ReadonlyMap<string, number>): string =>
  [...ports].reduce((all, [from, to]) => all.replaceAll(new RegExp(`\\b${from}\\b`, 'g'), String(to)), text)

const running = new Set<ChildProcess>()

/** A shell of the newcomer; `output` is what it has printed so far. */
function shell(command: string, cwd: string, env: NodeJS.ProcessEnv) {
  // A process group of its own, so that what it started can be ended with it.
  const child: ChildProcess = spawn('sh', ['-c', command], { cwd, env, detached: true })
  running.add(child)
  const shown = { output: '' }
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      shown.output += text
    })
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    return code as number | null
  })
  return {
    child,
    ended,
    output: () => shown.output,
    prints: async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(shown.output)) {
        const next = await Promise.race([once(child.stdout!, 'data'), ended])
        if (!Array.isArray(next)) assert.match(shown.output, pattern)
      }
    },
  }
}

const unlessWindows = process.platform === 'win32' ? describe.skip : describe

unlessWindows('a newcomer who follows the README', function () {
  this.timeout(180_000)

  // After a failure.
  after(() => {
    for (const { pid } of running) process.kill(-pid!, 'SIGKILL')
  })

  it('reaches spans, metrics, the live page and the command', async () => {
    const folder = createFolder()
    const env = createBareMachine()
    const receiver = createBackend()
    await receiver.listen()
    const ports = new Map([
      ['4318', Number(new URL(receiver.url).port)],
      ['8080', await freePort()],
      ['9464', await freePort()],
      ['9465', await freePort()],
    ])
    const [setup, start, look] = blocksOf('sh').map((text) => moved(text, ports))

    const installation = shell(
      `set -e\n${setup!.replace('install telemachine', `install ${packedTarball()}`)}`,
      folder,
      env,
    )
    assert.equal(await installation.ended, 0, installation.output())
    writeFileSync(join(folder, 'app.mjs'), moved(blocksOf('js')[0]!, ports))

    // With `exec` a signal reaches the program, and not the shell around it.
    const service = shell(start!.replace('node ', 'exec node '), folder, env)
    try {
      await service.prints(/The live page: (http:\S+)/)

      // curl need not be there; what it asks for is.
      const pages = [...look!.matchAll(/^curl (\S+)$/gm)].map(([, url]) =>
        url!.replace('localhost', '127.0.0.1'),
      )
      const [shop, metrics] = pages as [string, string]
      assert.equal(await fetchText(shop), 'paid\n')
      assert.match(await fetchText(metrics), /^cart_paid_total\{currency="EUR"\} 1$/m)

      const [address] = /http:\S+/.exec(service.output())!
      const page = await fetch(address)
      assert.equal(page.status, 200)
      assert.match(await page.text(), /<title>[^<]*telemachine[^<]*<\/title>/i)

      const rest = look!
        .replaceAll(/^curl .*$/gm, '')
        .replace('npx telemachine top', 'npx telemachine top --once')
      const command = shell(rest, folder, env)
      assert.equal(await command.ended, 0, command.output())
      assert.match(command.output(), /^otel +otel +serving/m)
    } finally {
      service.child.kill('SIGTERM')
    }
    assert.equal(await service.ended, 0, service.output())

    const spans = receiver.spans.map(
      ({ name, resource }) => `${resource?.attributes['service.name']}: ${name}`,
    )
    assert.ok(spans.includes('shop: GET'), spans.join())
    assert.ok(spans.includes('shop: checkout'), spans.join())
    const [request, checkout] = ['GET', 'checkout'].map(
      (name) => receiver.spans.find((span) => span.name === name)!,
    )
    assert.equal(checkout!.parentSpanId, request!.spanId)
    await receiver.close()
  })
})

const fetchText = async (url: string): Promise<string> => (await fetch(url)).text()
