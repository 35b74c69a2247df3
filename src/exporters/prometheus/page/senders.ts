import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../../clock.ts'
import type { Page } from './page.ts'

/**
 * Bounds what readers hold that ask for a page and do not read it: their number, the memory of their pages, and their
 * time. The one that has been at it longest is cut.
 */
export interface Senders {
  begin(socket: Socket, response: ServerResponse): void
  /** This page is being written to the socket. Returns it. */
  holds(socket: Socket, page: Page): Page
}

interface Sender {
  responses: number
  readonly pages: Set<Page>
  readonly end: () => void
}

const maxSenders = 64
const maxHeldBytes = 256 * 1024 * 1024
/** However large they are: two are rendered in turn while a third is read. */
const minPages = 3
const maxSendingMs = 30_000

export function createSenders(clock: Clock): Senders {
  /** Oldest first. */
  const senders = new Map<Socket, Sender>()

  const holdsTooMuch = (): boolean => {
    const pages = new Set<Page>()
    for (const sender of senders.values()) for (const page of sender.pages) pages.add(page)
    let bytes = 0
    for (const page of pages) bytes += page.bytes
    return pages.size > minPages && bytes > maxHeldBytes && senders.size > 1
  }

  /** Cuts the oldest, but not the one at hand. */
  const cutOldest = (but: Socket): void => {
    for (const [socket, { end }] of senders) {
      if (socket === but) continue
      end()
      socket.destroy()
      return
    }
  }

  const add = (socket: Socket): Sender => {
    const timer = clock.setTimeout(() => socket.destroy(), maxSendingMs)
    const end = (): void => {
      clock.clearTimeout(timer)
      socket.off('close', end)
      senders.delete(socket)
    }
    // One listener per socket: it may have pipelined many requests.
    socket.once('close', end)
    const sender = { responses: 0, pages: new Set<Page>(), end }
    senders.set(socket, sender)
    return sender
  }

  return {
    begin(socket, response) {
      const sender = senders.get(socket) ?? add(socket)
      sender.responses++
      response.once('close', () => {
        sender.responses--
        if (sender.responses === 0) sender.end()
      })
      if (senders.size > maxSenders) cutOldest(socket)
    },
    holds(socket, page) {
      senders.get(socket)?.pages.add(page)
      while (holdsTooMuch()) cutOldest(socket)
      return page
    },
  }
}
