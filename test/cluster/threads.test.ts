// Guards that the threads of a process, and a primary with its workers, have one page, whoever was there first.
import assert from 'node:assert/strict'
import { pause } from '../support/poll.ts'
import { createPrimaryStage, createThreadStage, type Stage } from './stage.ts'

const done = (count: number) => ({ emit: ['job.done', { count }] }) as const

describe('the threads of a process', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await createThreadStage()
  })
  afterEach(() => stage.close())

  it('have a page with their main thread, and one that is terminated takes nothing away', async () => {
    const main = await stage.worker('main')
    await main.tell(done(1))
    assert.equal((await stage.scrape()).value('telemachine_cluster_members'), undefined)
    const threads = await Promise.all([stage.worker('a'), stage.worker('b')])
    for (const [i, one] of threads.entries()) await one.tell(done(10 ** (i + 1)))
    const page = await stage.scrape()
    assert.equal(page.value('job_done_total'), 111)
    assert.equal(page.value('telemachine_cluster_members'), 3)
    await threads[0]!.kill()
    assert.equal((await stage.scrape()).value('job_done_total'), 111)
    await stage.worker('c').then((one) => one.tell(done(1000)))
    assert.equal((await stage.scrape()).value('job_done_total'), 1111)
  })

  it('go on when the thread that serves the page is terminated', async () => {
    const threads = [await stage.worker('a'), await stage.worker('b')]
    for (const one of threads) await one.tell(done(4))
    assert.equal((await stage.scrape()).value('job_done_total'), 8)
    await threads[0]!.kill()
    assert.equal((await stage.scrape()).value('job_done_total'), 8)
    await stage.worker('main').then((main) => main.tell(done(1)))
    const page = await stage.scrape()
    assert.equal(page.value('job_done_total'), 9)
    assert.equal(page.value('telemachine_cluster_members'), 2)
  })

  it('find each other at a scrape, if the thread was made before its main thread listened for threads', async () => {
    const thread = await stage.create('a')
    const main = await stage.worker('main')
    await main.tell(done(1))
    await thread.tell({ start: { port: stage.port } })
    await thread.tell(done(10))
    let page = await stage.scrape()
    while (page.value('telemachine_cluster_members') !== 2) {
      await pause()
      page = await stage.scrape()
    }
    assert.equal((await stage.scrape()).value('job_done_total'), 11)
  })

  it('have a page each on port 0', async () => {
    const threads = [await stage.worker('a', { port: 0 }), await stage.worker('b', { port: 0 })]
    const ports = await Promise.all(
      threads.map(async (one) => ((await one.tell('status')) as { client: { port: number } }).client.port),
    )
    assert.notEqual(ports[0], ports[1])
  })
})

describe('a primary with telemetry of its own', () => {
  it('has a page with its workers', async () => {
    const stage = await createPrimaryStage()
    try {
      const main = await stage.worker('main')
      await main.tell(done(1))
      const worker = await stage.worker('a')
      await worker.tell(done(10))
      assert.equal((await stage.scrape()).value('job_done_total'), 11)
      await worker.kill()
      const another = await stage.worker('b')
      await another.tell(done(100))
      const page = await stage.scrape()
      assert.equal(page.value('job_done_total'), 111)
      assert.equal(page.value('telemachine_cluster_members'), 2)
    } finally {
      await stage.close()
    }
  })
})
