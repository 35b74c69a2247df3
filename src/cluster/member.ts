import { connect, type Socket } from 'node:net'
import type { Claim } from './claims.ts'
import { noHub } from './no-hub.ts'
import type { Deliver, Reporting } from './reporter.ts'
import { createWire } from './wire.ts'

/** A member's connection to its hub. */
export interface HubConnection {
  readonly lineage: string
  /** The last report of this reporter that the hub has. */
  readonly seq: number
  /** Returns the facts of the hub about itself, such as its port. */
  readonly facts: () => Readonly<Record<string, unknown>>
  readonly deliver: Deliver
  /** Asks for the page. Rejects when the hub cannot render it, or is gone. */
  page(form: unknown): Promise<Buffer[]>
  /** Tells that this reporter leaves, and disconnects. */
  leave(): void
}

export interface ConnectionOptions {
  readonly claim: Claim
  /** Read at each report, because a reporter that starts over has a new id. */
  readonly self: () => Reporting
  /** Whether this member has the port of the page: a main thread had, before others came. */
  readonly serves: () => boolean
  /** Called when the hub asks for all there is; resolves when it is reported. Without an answer a member is late. */
  readonly asked: () => Promise<void>
  /** Called once when a hub that was connected is gone. */
  readonly lost: () => void
}

/** There is no page now: no hub, or one that does not answer. */
export class HubGone extends Error {
  readonly code = noHub
  constructor(message = 'the process that serves the page of all is gone') {
    super(message)
  }
}

interface Waiting {
  readonly parts: Buffer[]
  readonly resolve: (parts: Buffer[]) => void
  readonly reject: (error: Error) => void
}

/** Connects to a hub. Resolves with undefined if the claim's hub is gone, or closes before it answers. */
export async function connectToHub(options: ConnectionOptions): Promise<HubConnection | undefined> {
  const { claim, self, serves, asked, lost } = options
  const socket = await open(claim.address)
  if (!socket) return undefined
  let facts: Readonly<Record<string, unknown>> = {}
  let isOpen = true
  let asking = 0
  const acks = new Map<number, Waiting>()
  const pages = new Map<number, Waiting>()

  return new Promise((resolve) => {
    let isWelcome = false
    const failAll = (waiting: Map<number, Waiting>): void => {
      for (const one of waiting.values()) one.reject(new HubGone())
      waiting.clear()
    }
    const settle = (waiting: Map<number, Waiting>, n: unknown): Waiting | undefined => {
      const one = waiting.get(n as number)
      waiting.delete(n as number)
      return one
    }
    const request = (waiting: Map<number, Waiting>, n: number, message: object): Promise<Buffer[]> =>
      new Promise((done, reject) => {
        if (!isOpen) return reject(new HubGone())
        waiting.set(n, { parts: [], resolve: done, reject })
        wire.send(message)
      })
    const messages: Record<string, (message: Readonly<Record<string, unknown>>) => void> = {
      welcome({ lineage, seq, facts: said }) {
        isWelcome = true
        facts = said as Readonly<Record<string, unknown>>
        resolve({
          ...{ lineage: String(lineage), seq: Number(seq) },
          facts: () => facts,
          async deliver(report) {
            await request(acks, report.seq, { type: 'report', id: self().id, report })
          },
          page: (form) => {
            const n = ++asking
            return request(pages, n, { type: 'page', n, form })
          },
          leave() {
            wire.send({ type: 'bye' })
            isOpen = false
            wire.end()
          },
        })
      },
      facts({ facts: said }) {
        facts = said as Readonly<Record<string, unknown>>
      },
      ask({ n }) {
        const report = (): void => {
          asked().then(
            () => wire.send({ type: 'answer', n }),
            () => {},
          )
        }
        // It may come along with the welcome: its reporter is connected only after this turn.
        setImmediate(report)
      },
      ack: ({ seq }) => settle(acks, seq)?.resolve([]),
      part: ({ n, data }) => void pages.get(n as number)?.parts.push(Buffer.from(String(data), 'base64')),
      page({ n }) {
        const one = settle(pages, n)
        one?.resolve(one.parts)
      },
      no_page: ({ n, message }) => settle(pages, n)?.reject(new Error(String(message))),
    }
    const wire = createWire(socket, {
      message: (message) => messages[String(message.type)]?.(message),
      closed() {
        failAll(acks)
        failAll(pages)
        if (!isWelcome) resolve(undefined)
        else if (isOpen) lost()
        isOpen = false
      },
    })
    wire.send({ type: 'hello', token: claim.token, serves: serves(), ...self() })
  })
}

/** Resolves with undefined if no server listens there. */
const open = (path: string): Promise<Socket | undefined> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.unref()
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(undefined)
      else reject(error)
    })
  })
