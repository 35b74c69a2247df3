import { holdProcess } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { pause, settledWithin } from '../waiting.ts'
import { removeSocket } from './address.ts'
import { readClaim } from './claims.ts'
import { folderOf, openFolder } from './folder.ts'
import type { Group, GroupOptions } from './group-contract.ts'
import { type Hub, openHub, type Totals } from './hub.ts'
import { groupName, kin, knock, listenForKin } from './kin.ts'
import { connectToHub, type HubConnection, HubGone } from './member.ts'
import { createReporter, newShipping, type Reporting } from './reporter.ts'
import { nextRole, type Role, type RoleEvent } from './role.ts'

const gatherMs = 1000
const patienceMs = 3000
const maxPageMs = 10_000
const pollMs = 10

export function createGroup<Form, All extends Totals>(options: GroupOptions<Form, All>): Group<Form> {
  const { clock, logger, source, shippings } = options
  const { label, isOneOfMany } = kin()
  const door = `telemachine ${JSON.stringify(options.page)}`
  let role: Role = 'alone'
  let name = ''
  let folder = ''
  let shipping = newShipping()
  let reporter: ReturnType<typeof createReporter> | undefined
  let connection: HubConnection | undefined
  let hub: Hub | undefined
  let totals: All | undefined
  let lastFacts: Readonly<Record<string, unknown>> | undefined
  let trouble: string | undefined
  let changed: (() => void)[] = []
  let stopListening = (): void => {}

  const happened = (event: RoleEvent): void => {
    const before = role
    role = nextRole(role, event)
    if (role === before) return
    const waiting = changed
    changed = []
    for (const resolve of waiting) resolve()
    if (role !== 'electing') logger.info({ role, label }, 'the role in the cluster has changed')
  }
  /** Resolves at the next change of the role, or after this time. */
  const change = (withinMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve(), Math.max(0, withinMs))
      changed.push(() => {
        clock.clearTimeout(timer)
        resolve()
      })
    })

  const findName = async (): Promise<void> => {
    name ||= await groupName(options.page)
  }
  const isClaimed = async (): Promise<boolean> => {
    await findName()
    return (await readClaim(folderOf(name))) !== undefined
  }

  const self = (): Reporting => ({ id: shipping.id, label, pid: process.pid })
  const report = async (): Promise<void> => reporter?.report()

  const renderAll = async (form: Form): Promise<readonly Buffer[]> => {
    const current = hub
    if (!current) throw new HubGone()
    await Promise.all([report(), current.gather(gatherMs)])
    return options.renderAll(form, totals!, { members: current.members + 1, late: current.late })
  }

  const becomeHub = (opened: Hub): void => {
    hub = opened
    reporter!.connect((one) => opened.take(self(), one), opened.lineage, opened.seqOf(shipping.id))
    trouble = undefined
    happened('claimed')
  }

  const lost = (): void => {
    lastFacts = connection?.facts()
    connection = undefined
    reporter!.disconnect()
    if (role !== 'member') return
    happened('hub_lost')
    elect(true).catch(() => {})
  }

  /** One attempt: true when there is a hub now, or nothing more is to be done. */
  const attempt = async (): Promise<boolean> => {
    // Somebody may have cleaned the folder for temporary files.
    await openFolder(name)
    const claim = await readClaim(folder)
    if (claim) {
      const found = await connectToHub({ claim, self, serves: options.serves, asked: report, lost })
      if (role !== 'electing') found?.leave()
      if (role !== 'electing') return true
      if (found) {
        connection = found
        reporter!.connect(found.deliver, found.lineage, found.seq)
        happened('hub_found')
        return true
      }
    }
    const all = options.createTotals()
    const opened = await openHub({
      ...{ folder, epoch: (claim?.epoch ?? 0) + 1, totals: all, clock, facts: options.facts, self },
      render: (form) => renderAll(form as Form),
    })
    if (!opened) return false
    if (role !== 'electing') await opened.close()
    if (role !== 'electing') return true
    totals = all
    if (claim) removeSocket(claim.address).catch(() => {})
    becomeHub(opened)
    return true
  }

  const failed = (error: unknown): void => {
    if (role === 'left') return
    trouble = messageOf(error)
    logger.warn({ error: trouble }, 'the processes cannot share one page of metrics: each has its own')
    happened('failed')
  }

  const elect = async (patient: boolean): Promise<void> => {
    try {
      while (role === 'electing' && !(await attempt()));
    } catch (error) {
      failed(error)
    }
    if (role === 'hub' || role === 'alone') {
      await options.serve(patient)
      hub?.tell()
    }
  }

  const join = async (patient: boolean): Promise<void> => {
    happened('kin_seen')
    options.joined()
    try {
      await findName()
      folder = await openFolder(name)
      shipping = shippings.get(folder) ?? shipping
      shippings.set(folder, shipping)
    } catch (error) {
      failed(error)
    }
    if (role === 'electing') reporter ??= createReporter(source, shipping, clock)
    // The main thread may have the port: it becomes the hub when it hears of this one.
    if (role === 'electing' && label.includes('/') && !(await isClaimed()))
      await knock(door, clock, isClaimed)
    await elect(patient)
  }

  /** A hub may be stopped, or busy. */
  const within = <T>(ms: number, promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => reject(new HubGone('the hub does not answer')), ms)
      promise.then(resolve, reject).finally(() => clock.clearTimeout(timer))
    })

  const settled = async (until: number): Promise<void> => {
    while (role === 'electing' && clock.now() < until) await change(until - clock.now())
  }

  const leave = async (): Promise<void> => {
    stopListening()
    reporter?.close()
    reporter?.disconnect()
    happened('closed')
    connection?.leave()
    await hub?.close()
  }

  /** Asks a thread to join that was made, and asked to join, before this main thread listened. */
  const joinIfClaimed = async (): Promise<void> => {
    const mayJoin = (): boolean => role === 'alone' && trouble === undefined
    if (mayJoin() && (await isClaimed().catch(() => false)) && mayJoin()) await join(true)
  }

  return {
    get role() {
      return role
    },
    async open() {
      const release = holdProcess(clock)
      try {
        if (isOneOfMany || (await isClaimed())) return await join(false)
        await options.serve(false)
        // An opening that was given up goes on after the group has been closed.
        if (role === 'left') return
        stopListening = listenForKin(door, () => {
          if (role === 'alone') join(true).catch(() => {})
        })
      } catch (error) {
        await leave()
        throw error
      } finally {
        release()
      }
    },
    async page(form) {
      const until = clock.now() + patienceMs
      let error = new HubGone()
      // Not awaited: a page of its own is to be there as soon as it is without a cluster.
      joinIfClaimed().catch(() => {})
      for (;;) {
        await settled(until)
        if (role === 'alone') return options.renderOwn(form)
        try {
          if (role === 'hub') return await renderAll(form)
          if (connection) return await within(maxPageMs, connection.page(form))
        } catch (thrown) {
          if (!(thrown instanceof HubGone)) throw thrown
          error = thrown
        }
        if (role === 'left' || clock.now() >= until) throw error
      }
    },
    tell: () => hub?.tell(),
    get isServedByMember() {
      return role === 'hub' && hub?.isServed === true
    },
    describe: () => ({
      ...{ role, label },
      ...(reporter && { reports: shipping.seq - (shipping.pending ? 1 : 0) }),
      ...(hub && { members: hub.members + 1, late: hub.late, hub: options.facts() }),
      ...(hub && totals && { totals: options.describeTotals(totals) }),
      ...(hub?.journalFailure !== undefined && { journal: hub.journalFailure }),
      ...(connection && { hub: connection.facts() }),
      ...(trouble !== undefined && { error: trouble }),
    }),
    hubFacts: () => connection?.facts() ?? lastFacts,
    async close(deadline) {
      const release = holdProcess(clock)
      const until = Math.min(clock.now() + patienceMs, deadline)
      let isReported = false
      const reported = async (): Promise<void> => {
        while (role !== 'alone' && role !== 'left' && clock.now() < until) {
          await settled(until)
          isReported = await report().then(
            () => true,
            () => false,
          )
          if (isReported) return
          await pause(clock, pollMs)
        }
      }
      await settledWithin(clock, until - clock.now(), reported())
      if (!isReported && role !== 'alone' && role !== 'left')
        logger.warn({ role, label }, 'the last counts of this process did not reach the shared page in time')
      await leave()
      release()
    },
  }
}
