import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { settledWithin } from '../waiting.ts'
import { addressIn, isEqual, listenAt } from './address.ts'
import { type Attendance, createAttendance, type Known } from './attendance.ts'
import { type Claim, makeClaim, removeEarlier, renewClaim } from './claims.ts'
import { type Journal, openJournal } from './journal.ts'
import type { Report, Reporting } from './reporter.ts'
import { createWire, type Wire } from './wire.ts'

/** The sums over the reports of a group. */
export interface Totals {
  /** Adds changes of sums up, those of a journal too. Ignores what it cannot read. */
  add(sums: readonly object[]): void
  /** Takes what has changed of the live values of a reporter. */
  set(reporter: string, label: string, live: readonly object[]): void
  /** Forgets what is live of a reporter, which is gone. */
  forget(reporter: string): void
  /** The sums, as changes from nothing. */
  sums(): Iterable<readonly object[]>
}

export interface HubOptions {
  readonly folder: string
  /** The number its claim is to have. */
  readonly epoch: number
  readonly totals: Totals
  readonly clock: Clock
  /** Renders the page, for a member that was asked for it. */
  readonly render: (form: unknown) => Promise<readonly Buffer[]>
  /** Facts that members show in their status. */
  readonly facts: () => object
  /** The hub's own reporter. */
  readonly self: () => Reporting
}

export interface Hub {
  readonly lineage: string
  readonly journalFailure: string | undefined
  readonly members: number
  /** Whether a member has the port of the page. */
  readonly isServed: boolean
  /** Members that did not answer at the last gathering, and those of the hub before that have not come yet. */
  readonly late: readonly string[]
  /** Takes a report, of a member or of the hub itself; resolves when it will not be lost. */
  take(from: Reporting, report: Report): Promise<void>
  /** The last report of this reporter that is in the totals. */
  seqOf(id: string): number
  /** Resolves when every member has reported all it had when this was called, or at the deadline. */
  gather(withinMs: number): Promise<void>
  /** Tells the members what has changed in `facts`. */
  tell(): void
  /** Ends after what was taken is written. Members find that the hub is gone, and elect another one. */
  close(): Promise<void>
}

type Message = Readonly<Record<string, unknown>>

const nothing = (): void => {}

interface Member extends Reporting {
  /** Changes when a reporter starts over. */
  id: string
  readonly wire: Wire
  readonly serves: boolean
  readonly answers: Map<number, () => void>
}

const renewMs = 60_000

/** Opens the hub of a group. Undefined if another one has been opened meanwhile. Rejects if there can be none. */
export async function openHub(options: HubOptions): Promise<Hub | undefined> {
  const { folder, epoch, totals, clock, render, facts, self } = options
  const address = addressIn(folder)
  const claim: Claim = { epoch, address, token: randomBytes(16).toString('hex') }
  const seqs = new Map<string, Known>()
  const members = new Map<Socket, Member>()
  /** Of members, and of those that are not: one that a closed hub keeps would wait as long as its process lives. */
  const wires = new Set<Wire>()
  let late: readonly string[] = []
  let asked = 0
  let isClosing = false
  let opened: (journal: Journal) => void = () => {}
  let failed: (error: unknown) => void = () => {}
  const ready = new Promise<Journal>((resolve, reject) => {
    opened = resolve
    failed = reject
  })
  ready.catch(nothing)

  const attendance: Attendance = createAttendance(clock, seqs)

  const note = (id: string, entry: Partial<Known>): void => {
    const known = seqs.get(id)
    if (known) seqs.set(id, { ...known, ...entry })
    else {
      seqs.set(id, { ...{ seq: 0, pid: 0, gone: false }, ...entry })
      if (seqs.size % 1024 === 0) attendance.prune()
    }
  }

  /** Skips a report that cannot be added, so that later ones are still added. */
  const add = (sums: readonly object[]): void => {
    try {
      totals.add(sums)
    } catch {}
  }

  const take = async ({ id, label, pid }: Reporting, { seq, sums, live }: Report): Promise<void> => {
    const journal = await ready
    if (isClosing) return new Promise(() => {})
    totals.set(id, label, live)
    if (seq <= (seqs.get(id)?.seq ?? 0)) return
    await new Promise<void>((resolve) =>
      journal.append({ id, pid, seq, sums }, () => {
        note(id, { pid, seq, gone: false })
        add(sums)
        resolve()
      }),
    )
  }

  const leave = (id: string): void => {
    totals.forget(id)
    note(id, { gone: true })
    ready.then((journal) => journal.append({ id, gone: true }, nothing), nothing)
  }

  const messages: Record<string, (member: Member, message: Message) => unknown> = {
    async report(member, { id, report }) {
      const { wire, label, pid } = member
      if (id !== member.id) leave(member.id)
      member.id = String(id)
      await take({ id: member.id, label, pid }, report as Report)
      wire.send({ type: 'ack', seq: (report as Report).seq })
    },
    answer({ answers }, { n }) {
      answers.get(n as number)?.()
      answers.delete(n as number)
    },
    async page({ wire }, { n, form }) {
      try {
        for (const part of await render(form)) wire.send({ type: 'part', n, data: part.toString('base64') })
        wire.send({ type: 'page', n })
      } catch (error) {
        wire.send({ type: 'no_page', n, message: String(error) })
      }
    },
    bye: ({ id }) => leave(id),
  }

  const greet = async (socket: Socket, wire: Wire, hello: Message): Promise<void> => {
    const { token, id, label, pid, serves } = hello
    if (hello.type !== 'hello' || !isEqual(String(token), claim.token)) return wire.destroy()
    const journal = await ready
    // It is disconnected when the journal, which it will read as the next hub, is complete.
    if (isClosing) return
    const member = {
      ...{ wire, id: String(id), label: String(label), pid: Number(pid) },
      ...{ serves: serves === true, answers: new Map() },
    }
    for (const one of members.values()) if (one.id === member.id) one.wire.destroy()
    members.set(socket, member)
    note(member.id, { pid: member.pid, gone: false })
    journal.append({ id: member.id, pid: member.pid, gone: false }, nothing)
    wire.send({ type: 'welcome', lineage: journal.lineage, seq: seqs.get(member.id)!.seq, facts: facts() })
    attendance.arrived(member.id)
  }

  const handle = async (member: Member, message: Message): Promise<void> => {
    try {
      await messages[String(message.type)]?.(member, message)
    } catch {
      member.wire.destroy()
    }
  }

  const server = createServer((socket) => {
    let isGreeted = false
    const wire = createWire(socket, {
      message(message) {
        const member = members.get(socket)
        if (member) handle(member, message)
        else if (!isGreeted) {
          isGreeted = true
          greet(socket, wire, message).catch(wire.destroy)
        }
      },
      closed() {
        wires.delete(wire)
        const member = members.get(socket)
        members.delete(socket)
        if (!member) return
        for (const answer of member.answers.values()) answer()
        if ([...members.values()].some(({ id }) => id === member.id)) return
        leave(member.id)
      },
    })
    wires.add(wire)
  })
  await listenAt(server, address)
  if (!(await makeClaim(folder, claim).catch((error) => abandon(server, error)))) {
    server.close()
    return undefined
  }
  const journal = await openJournal({
    ...{ folder, epoch },
    replay({ id, seq, pid, gone, sums }) {
      if (Array.isArray(sums)) add(sums)
      if (typeof id !== 'string') return
      note(id, {
        ...(typeof seq === 'number' && { seq }),
        ...(typeof pid === 'number' && { pid }),
        ...(typeof gone === 'boolean' && { gone }),
      })
    },
    *snapshot() {
      for (const sums of totals.sums()) yield { sums }
      attendance.prune()
      for (const [id, one] of seqs) yield { id, ...one }
    },
  }).catch((error) => {
    failed(error)
    return abandon(server, error)
  })
  attendance.begin()
  attendance.arrived(self().id)
  opened(journal)
  removeEarlier(folder, epoch).catch(() => {})

  let timer: unknown
  const renew = (): void => {
    timer = clock.setTimeout(() => {
      renewClaim(folder, claim).catch(() => {})
      renew()
    }, renewMs)
  }
  renew()

  const ask = (member: Member): Promise<void> =>
    new Promise((resolve) => {
      const n = ++asked
      member.answers.set(n, resolve)
      member.wire.send({ type: 'ask', n })
    })

  return {
    lineage: journal.lineage,
    get journalFailure() {
      return journal.failure
    },
    get members() {
      return members.size
    },
    get isServed() {
      return [...members.values()].some(({ serves }) => serves)
    },
    get late() {
      return late
    },
    take,
    seqOf: (id) => seqs.get(id)?.seq ?? 0,
    async gather(withinMs) {
      const until = clock.now() + withinMs
      await attendance.complete(withinMs)
      const waiting = new Set(members.values())
      const answered = [...waiting].map((member) => ask(member).then(() => waiting.delete(member)))
      await settledWithin(clock, until - clock.now(), Promise.all(answered))
      const absent = attendance.absent().map((pid) => `pid ${pid}`)
      late = [...Array.from(waiting, ({ label }) => label), ...absent]
    },
    tell() {
      for (const { wire } of members.values()) wire.send({ type: 'facts', facts: facts() })
    },
    async close() {
      journal.append({ id: self().id, gone: true }, nothing)
      isClosing = true
      clock.clearTimeout(timer)
      await journal.close()
      const closed = new Promise((resolve) => server.close(resolve))
      for (const wire of [...wires]) wire.destroy()
      await closed
    },
  }
}

function abandon(server: Server, error: unknown): never {
  server.close()
  throw error
}
