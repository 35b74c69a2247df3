// A file with headers is read again when it changes, and one that has become invalid leaves the last good ones in force.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SimulatedClock } from 'xstate'
import { fileCredentials, parseHeadersFile } from '../../../src/exporters/http/headers-file.ts'

const signal = new AbortController().signal

describe('credentials from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headers-'))
  const path = join(folder, 'headers')
  after(() => rmSync(folder, { recursive: true }))

  const open = async (text: string) => {
    writeFileSync(path, text)
    const clock = new SimulatedClock()
    const warned: unknown[] = []
    const log = (): void => {}
    const logger = { debug: log, info: log, warn: (...said: unknown[]) => void warned.push(said), error: log }
    return { clock, warned, credentials: await fileCredentials({ path, clock: clock as never, logger }) }
  }

  it('are read again a second after they were last looked at', async () => {
    const { clock, credentials } = await open('authorization = Bearer 1')
    writeFileSync(path, 'authorization = Bearer two')
    clock.increment(999)
    assert.deepEqual({ ...(await credentials.get(signal)) }, { authorization: 'Bearer 1' })
    clock.increment(1)
    assert.deepEqual({ ...(await credentials.get(signal)) }, { authorization: 'Bearer two' })
  })

  it('stay as they were when the file becomes invalid or goes, with a warning that quotes nothing', async () => {
    const { clock, credentials, warned } = await open('authorization = Bearer 1')
    for (const act of [() => writeFileSync(path, 'c4nary without a name'), () => rmSync(path)]) {
      act()
      clock.increment(1000)
      assert.deepEqual({ ...(await credentials.get(signal)) }, { authorization: 'Bearer 1' })
    }
    assert.match(JSON.stringify(warned), /see line 1.*cannot be read \(ENOENT\)/)
    assert(!JSON.stringify(warned).includes('c4nary'))
  })

  it('stay the same object as long as the file does not change', async () => {
    const { credentials } = await open('authorization = Bearer 1')
    const used = await credentials.get(signal)
    assert.equal(await credentials.renew(used, signal), undefined)
    writeFileSync(path, 'authorization = Bearer two')
    assert.deepEqual({ ...(await credentials.renew(used, signal)) }, { authorization: 'Bearer two' })
  })

  it('may be written in several ways', () => {
    const expected = { authorization: 'Bearer a=b:c', 'x-tenant': 'me' }
    for (const text of [
      'authorization = Bearer a=b:c\nx-tenant=me\n',
      '# comment\r\n\r\nauthorization: "Bearer a=b:c"\r\nx-tenant: me',
      JSON.stringify(expected),
    ])
      assert.deepEqual({ ...parseHeadersFile(text) }, expected)
  })

  it('are refused where they are invalid', () => {
    for (const text of ['', ' \n', 'no separator', '{', '[]', '{"a": 1}', 'host = a', 'a b = c'])
      assert.throws(() => parseHeadersFile(text), { code: 'HEADERS_FILE_INVALID' }, text)
  })
})
