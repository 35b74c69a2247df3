// The spool on the live page, in a real browser: its chart, its state, and how much waits on disk since when.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStage, type Stage, withBrowser } from './stage.ts'

describe('the spool on the live page', () => {
  const browser = withBrowser()
  let folder: string
  let stage: Stage

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'telemachine-page-'))
    stage = await openStage(browser(), {
      otel: { spool: { directory: join(folder, 'spool'), mode: 'always' } },
    })
    await stage.signIn()
  })
  afterEach(async () => {
    await stage.close()
    await rm(folder, { recursive: true })
  })

  const fact = (name: string) =>
    stage.page.locator('[data-exporter=otel] dl > div', { has: stage.page.getByText(name, { exact: true }) })

  it('shows the bytes, the files and the age of what waits on disk, and the state in the chart', async () => {
    await stage.page.waitForSelector('[data-exporter=otel] [data-chart=spool] svg')
    await stage.lit('spool.ready')
    await fact('on disk').getByText('0 bytes in 0 files').waitFor()
    stage.telemetry.breaker('otel').forceOpen()
    await fact('on disk')
      .getByText(/^[1-9][\d,.]* bytes in [1-9]\d* files$/)
      .waitFor()
    await fact('oldest on disk since').waitFor()
    stage.telemetry.breaker('otel').reset()
    await fact('on disk').getByText('0 bytes in 0 files').waitFor()
  })

  it('shows that it is off after it was taken away, and no chart for an exporter that never had one', async () => {
    await stage.telemetry.config.put('otel.spool', null)
    await stage.lit('spool.off')
    await stage.page.waitForSelector('[data-exporter=prometheus] [data-chart=spool]', { state: 'hidden' })
  })
})
