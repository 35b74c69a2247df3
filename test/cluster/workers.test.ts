// Guards that the workers of a cluster have one page: its sums are exact, whoever is killed and whenever, and whichever
// worker serves it. The primary runs none of our code, as that of PM2 (PM2 itself is not run).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pause } from '../support/poll.ts'
import { type Actor, createProcess, createStage, type Scraped, type Stage, scrape } from './stage.ts'

interface Status {
  readonly state: string
  readonly lastError?: { readonly message: string }
  readonly client: {
    readonly port: number
    readonly cluster: {
      readonly role: string
      readonly label: string
      readonly reports: number
      readonly error?: string
      readonly members?: number
      readonly hub?: { readonly pid: number }
    }
  }
}

/** With TELEMACHINE_NIGHTLY=1 there are eight workers under load, and forty of them are killed. */
const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

const statusOf = (worker: Actor): Promise<Status> => worker.tell('status') as Promise<Status>
const roleOf = async (worker: Actor): Promise<string> => (await statusOf(worker)).client.cluster.role

async function byRole(workers: readonly Actor[]): Promise<{ hub: Actor; members: Actor[] }> {
  const roles = await Promise.all(workers.map(roleOf))
  const hub = workers[roles.indexOf('hub')]
  assert.ok(hub, `one of ${roles} is the hub`)
  assert.equal(roles.filter((role) => role === 'member').length, workers.length - 1, String(roles))
  return { hub, members: workers.filter((one) => one !== hub) }
}

const loadOf = (page: Scraped, { key }: Actor): number =>
  page.value(`load_done_total{worker_key="${key}"}`) ?? 0

describe('the workers of a cluster', () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await createStage()
  })
  afterEach(() => stage.close())
  const startWorkers = (count: number, settings = {}): Promise<Actor[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => stage.worker(`w${i}`, settings)))

  it('have one page with the sums of all, on which every event before the scrape is', async () => {
    const workers = await startWorkers(3)
    for (const round of [1, 2]) {
      await Promise.all(
        workers.map((one, i) =>
          one.tell({
            emit: ['job.done', { count: 1, duration_ms: 3 }, { queue: 'mail' }],
            times: 10 * (i + 1),
          }),
        ),
      )
      const page = await stage.scrape()
      assert.equal(page.value('job_done_total{queue="mail"}'), 60 * round)
      assert.equal(page.value('job_done_duration_seconds_count{queue="mail"}'), 60 * round)
      assert.equal(page.value('job_done_duration_seconds_bucket{queue="mail",le="0.005"}'), 60 * round)
      assert.equal(page.value('telemachine_cluster_members'), 3)
      assert.equal(page.value('telemachine_events_delivered_total{exporter="prometheus"}'), 60 * round)
      assert.equal(page.value('telemachine_exporter_state{exporter="prometheus",state="serving"}'), 3)
    }
    const { hub, members } = await byRole(workers)
    const { client } = await statusOf(hub)
    assert.equal(client.cluster.members, 3)
    for (const member of members) {
      const status = await statusOf(member)
      assert.equal(status.state, 'serving')
      assert.equal(status.client.port, stage.port)
      assert.equal(status.client.cluster.hub?.pid, client.cluster.hub?.pid)
    }
  })

  it('lose nothing that was on a page, or reported since, when hub and member are killed at once', async () => {
    const workers = await startWorkers(4)
    await Promise.all(workers.map((one) => one.tell({ emit: ['job.done', { count: 1 }], times: 25 })))
    assert.equal((await stage.scrape()).value('job_done_total'), 100)
    const { hub, members } = await byRole(workers)
    const [first, ...others] = members
    await Promise.all([hub.kill(), first!.kill()])
    assert.equal((await stage.scrape()).value('job_done_total'), 100)
    assert.equal((await stage.scrape()).value('telemachine_cluster_members'), 2)

    // Without a scrape, a worker reports once a second.
    const before = (await statusOf(others[0]!)).client.cluster.reports
    await others[0]!.tell({ emit: ['job.done', { count: 1 }], times: 7 })
    while ((await statusOf(others[0]!)).client.cluster.reports === before) await pause()
    await others[0]!.kill()
    assert.equal((await stage.scrape()).value('job_done_total'), 107)
    await byRole([others[1]!])
  })

  it('that are restarted add to the counts of those before them, even if none of those is left', async () => {
    const [first] = await startWorkers(1)
    await first!.tell({ emit: ['job.done', { count: 1 }], times: 5 })
    assert.equal((await stage.scrape()).value('job_done_total'), 5)
    await first!.kill()
    const again = await stage.worker('w0')
    await again.tell({ emit: ['job.done', { count: 1 }], times: 3 })
    const page = await stage.scrape()
    assert.equal(page.value('job_done_total'), 8)
    assert.equal(page.value('telemachine_cluster_members'), 1)
  })

  it('have said all when they stop', async () => {
    const workers = await startWorkers(3)
    for (const [i, one] of workers.entries()) {
      await one.tell({ emit: ['job.done', { count: 1 }], times: 10 })
      if (i < 2) await one.tell('stop')
    }
    assert.equal((await stage.scrape()).value('job_done_total'), 30)
  })

  it('that all stop at once lose nothing either', async () => {
    const workers = await startWorkers(3)
    for (const one of workers) await one.tell({ emit: ['job.done', { count: 1 }], times: 10 })
    const reports = (await Promise.all(workers.map((one) => one.tell('stop')))) as { complete: boolean }[]
    assert.deepEqual(
      reports.map(({ complete }) => complete),
      [true, true, true],
    )
    await startWorkers(1)
    assert.equal((await stage.scrape()).value('job_done_total'), 30)
  })

  it('end by themselves, hub or not', async () => {
    const workers = await startWorkers(2)
    const { hub, members } = await byRole(workers)
    for (const one of [hub, members[0]!]) {
      await one.tell('disconnect')
      await one.ended()
    }
  })

  it('have a page each where no folder can be made for what they share, and say why', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'telemachine-taken-'))
    writeFileSync(join(temporary, `telemachine-${process.getuid!()}`), '')
    const worker = await stage.worker('a', {}, { TMPDIR: temporary })
    await worker.tell({ emit: ['job.done', { count: 1 }] })
    assert.equal((await stage.scrape()).value('job_done_total'), 1)
    const { role, error } = (await statusOf(worker)).client.cluster
    assert.equal(role, 'alone')
    assert.match(error!, /is not a folder/)
    await worker.kill()
    rmSync(temporary, { recursive: true })
  })

  it('have exact sums under load, while they are killed and replaced', async function () {
    this.timeout(nightly ? 1_800_000 : 300_000)
    const workers = await startWorkers(nightly ? 8 : 3)
    const dead: Actor[] = []
    await Promise.all(workers.map((one) => one.tell({ load: 20 })))
    const floor = new Map<string, number>()
    let started = workers.length

    const check = async (): Promise<void> => {
      const before = await Promise.all(workers.map((one) => one.tell('counted')))
      const page = await stage.scrape()
      for (const [i, one] of workers.entries()) assert.ok(loadOf(page, one) >= (before[i] as number), one.key)
      for (const one of [...workers, ...dead]) {
        assert.ok(loadOf(page, one) >= (floor.get(one.key) ?? 0), `${one.key} has not stepped back`)
        floor.set(one.key, loadOf(page, one))
      }
    }
    for (let round = 0; round < (nightly ? 40 : 4); round++) {
      await check()
      const { hub, members } = await byRole(workers)
      const victim = round % 2 === 0 ? hub : members[0]!
      workers.splice(workers.indexOf(victim), 1)
      await victim.kill()
      dead.push(victim)
      const next = await stage.worker(`w${started++}`)
      // Nobody knows of one that has not found the hub yet, as may be on a busy machine.
      while (!['hub', 'member'].includes((await statusOf(next)).client.cluster.role)) await pause()
      await next.tell({ load: 20 })
      workers.push(next)
    }
    await check()
    const counted = await Promise.all(workers.map((one) => one.tell('rest')))
    const page = await stage.scrape()
    for (const [i, one] of workers.entries()) {
      assert.equal(loadOf(page, one), counted[i])
      assert.equal(page.value(`load_done_duration_seconds_count{worker_key="${one.key}"}`), counted[i])
    }
    for (const one of dead) {
      assert.equal(loadOf(page, one), floor.get(one.key), `nothing of ${one.key} came twice`)
      assert.equal(page.value(`load_done_duration_seconds_count{worker_key="${one.key}"}`), loadOf(page, one))
    }
  })

  it('make one gauge of theirs by the declared rule, and forget those of the dead', async () => {
    const workers = await startWorkers(3)
    for (const [i, one] of workers.entries()) {
      await one.tell({ emit: ['queue.depth', { depth: [5, 1, 3][i]! }] })
      await one.tell({ emit: ['pool.change', { by: i + 1 }] })
      await stage.scrape()
    }
    const page = await stage.scrape()
    const names = ['depth_last', 'depth_sum', 'depth_min', 'depth_max', 'pool_open']
    assert.deepEqual(
      names.map((name) => page.value(name)),
      [3, 9, 1, 5, 6],
    )
    assert.deepEqual(page.text.match(/^depth_worker.*$/gm)?.sort(), [
      'depth_worker{worker="1"} 5',
      'depth_worker{worker="2"} 1',
      'depth_worker{worker="3"} 3',
    ])
    await workers[2]!.kill()
    const after = await stage.scrape()
    assert.deepEqual(
      names.map((name) => after.value(name)),
      [3, 6, 1, 5, 3],
    )
    assert.equal(after.value('depth_worker{worker="3"}'), undefined)
  })

  it('put their metrics of prom-client together as prom-client would', async () => {
    const workers = await startWorkers(2)
    for (const [i, one] of workers.entries()) {
      await one.tell({ count: ['own_total', 10 + i] })
      for (const name of ['own_sum', 'own_max', 'own_omit']) await one.tell({ gauge: [name, 1 + i] })
    }
    const page = await stage.scrape()
    assert.equal(page.value('own_total'), 21)
    assert.equal(page.value('own_sum'), 3)
    assert.equal(page.value('own_max'), 2)
    assert.equal(page.value('own_omit'), undefined)
    await workers[0]!.kill()
    const after = await stage.scrape()
    assert.equal(after.value('own_total'), 21)
    assert.equal(after.value('own_sum'), 2)
  })

  it('answer with the page of all from a server of theirs, each of them', async () => {
    const workers = await startWorkers(3, { port: null })
    await Promise.all(workers.map((one) => one.tell({ emit: ['job.done', { count: 2 }] })))
    for (const one of workers) {
      const [status, text] = (await one.tell('page')) as [number, string]
      assert.equal(status, 200)
      assert.match(text, /^job_done_total 6$/m)
    }
    const { hub, members } = await byRole(workers)
    await hub.kill()
    for (const one of members)
      assert.match(((await one.tell('page')) as [number, string])[1], /^job_done_total 6$/m)
  })

  it('do not wait long for one that does not answer, and say so', async () => {
    const workers = await startWorkers(3)
    await Promise.all(workers.map((one) => one.tell({ emit: ['job.done', { count: 1 }] })))
    assert.equal((await stage.scrape()).value('job_done_total'), 3)
    const { members } = await byRole(workers)
    await members[0]!.tell({ block: 8000 })
    let hasAnswered = false
    const answered = members[0]!.tell('status').then(() => {
      hasAnswered = true
    })
    const page = await scrape(stage.port)
    assert.equal(hasAnswered, false)
    assert.equal(page.value('job_done_total'), 3)
    assert.ok(page.value('telemachine_cluster_members_late')! >= 1)
    await answered
    assert.equal((await stage.scrape()).value('telemachine_cluster_members_late'), 0)
  })

  it('that have different ports have a page each', async () => {
    const [first, second] = await Promise.all([stage.worker('a'), stage.worker('b', { port: 0 })])
    await first.tell({ emit: ['job.done', { count: 1 }] })
    await second.tell({ emit: ['job.done', { count: 1 }] })
    assert.equal((await stage.scrape()).value('job_done_total'), 1)
    assert.equal(await roleOf(first), 'hub')
    assert.equal(await roleOf(second), 'hub')
  })

  it('have a page each with `cluster = false`, of which any may answer', async () => {
    const workers = await startWorkers(2, { cluster: false })
    for (const one of workers) await one.tell({ emit: ['job.done', { count: 1 }] })
    assert.equal((await stage.scrape()).value('job_done_total'), 1)
    assert.equal((await statusOf(workers[0]!)).client.cluster, undefined)
  })

  it('tell another process on their port what to do', async () => {
    await startWorkers(1)
    const other = await createProcess({ port: stage.port })
    try {
      const { state, lastError } = await statusOf(other)
      assert.equal(state, 'retrying')
      assert.match(lastError!.message, /is in use.*another port, or port 0.*workers of node:cluster/)
    } finally {
      await other.kill()
    }
  })
})
