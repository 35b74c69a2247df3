// Guards the first five minutes: a stranger with an empty folder, who types the commands of the README and pastes its
// programs, gets metrics, the live page, the view of the command, spans at the receiver and an account on Ctrl-C. Only
// what npm is to install and the port numbers differ, as nothing is released yet and other tests listen at the same time.
// What the pages and the programs say in detail is the subject of test/documents/first-program.test.ts.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askFor, type Program, printed, textOf } from '../documents/place.ts'
import { createFolder, packedTarball } from '../package/packed.ts'
import { freePort } from '../support/ports.ts'
import { createBareMachine } from './bare-machine.ts'

const [, section] = /^## Five minutes\n(.*?)^## /ms.exec(textOf('README.md'))!

/** The text with the ports that this test has found. */
const relocated = (text: string, ports: ReadonlyMap<string, number>): string =>
  text.replaceAll(/\b\d{4}\b/g, (shown) => String(ports.get(shown) ?? shown))

const running = new Set<ChildProcess>()

/** A shell of the newcomer. */
function shell(command: string, cwd: string, env: NodeJS.ProcessEnv): Program {
  // A process group of its own, so that what it started can be ended with it.
  const child = spawn('sh', ['-c', command], { cwd, env, detached: true })
  running.add(child)
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child)
    return (code ?? signal) as number | string
  })
  return { child, ended, stdout: () => output.stdout, stderr: () => output.stderr }
}

/** Waits until the program has ended, and fails unless all went well. Returns what it has printed. */
async function success({ ended, stdout, stderr }: Program): Promise<string> {
  assert.equal(await ended, 0, stdout() + stderr())
  return stdout()
}

const unlessWindows = process.platform === 'win32' ? describe.skip : describe

unlessWindows('a newcomer who follows the README', function () {
  this.timeout(180_000)

  // After a failure.
  after(() => {
    for (const { pid } of running) process.kill(-pid!, 'SIGKILL')
  })

  it('reaches metrics, the live page, the command, spans and the account', async () => {
    const ports = new Map<string, number>()
    for (const shown of ['4318', '9464', '9465']) ports.set(shown, await freePort())
    const text = relocated(section!, ports)
    const blocksOf = (language: string): string[] =>
      [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!)

    const folder = createFolder()
    const env = createBareMachine()
    const type = (command: string): Program =>
      shell(command, folder, {
        ...env,
        // The program relies on the default endpoint, whose port is another one here.
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://localhost:${ports.get('4318')}/v1/traces`,
      })
    // With `exec` a signal reaches the program, and not the shell around it.
    const launch = (command: string): Program => type(command.replace(/^node /, 'exec node '))

    const [install, startService, startReceiver] = blocksOf('sh') as [string, string, string]
    assert.match(install, /^npm install telemachine$/m)
    await success(type(install.replace('install telemachine', `install ${packedTarball()}`)))
    for (const program of blocksOf('js')) {
      const [, name] = /^\/\/ (\S+)\n/.exec(program)!
      writeFileSync(join(folder, name!), program)
    }

    const service = launch(startService)
    await printed(service, /^metrics: .*\n/m)
    const [, live] = /^live page: +(\S+)$/m.exec(service.stdout())!
    const [, metrics] = /^metrics: +(\S+)$/m.exec(service.stdout())!
    assert.match(
      await askFor(service, metrics!, 'cart_paid_total'),
      /^cart_paid_total\{currency="EUR"\} \d+$/m,
    )
    const page = await fetch(live!)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<title>telemachine<\/title>/)

    const top = /`(npx telemachine top \S+)`/.exec(text)?.[1]
    assert.ok(top, 'the section does not show telemachine top')
    const view = await success(type(`${top} --once`))
    assert.match(view, /^otel +otel +serving /m)
    assert.match(view, /^prometheus +prometheus +serving /m)

    const receiver = launch(startReceiver)
    await printed(receiver, /^shop checkout \{.*"items":3.*\}$/m)

    service.child.kill('SIGINT')
    const account = await success(service)
    assert.match(account, /^ +complete: true,$/m)
    assert.match(account, /^ +otel: \{/m)
    assert.match(account, /^ +prometheus: \{/m)
    receiver.child.kill('SIGINT')
    assert.equal(await receiver.ended, 'SIGINT', receiver.stderr())
  })
})
