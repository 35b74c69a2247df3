import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../../clock.ts'
import type { Page } from './page.ts'

/**
 * Bounds what clients hold that ask for a page and do not read it: their time, and the memory of their pages. When it is
 * too much, the client that has been at it longest is cut.
 */
export interface Senders {
  /** Notes that a page is asked for. */
  begin(socket: Socket, response: ServerResponse): void
  /** Notes that this page is being written to the socket. Returns it. */
  holds(socket: Socket, page: Page): Page
}

export interface SenderLimits {
  /** Most bytes of all pages that are being sent; a page with many readers counts once. Default 256 MiB. */
  readonly maxHeldBytes?: number
}

interface Sender {
  responses: number
  readonly pages: Set<Page>
  readonly end: () => void
}

/** However large they are: two are rendered in turn while a third is read. */
const minPages = 3
const maxSendingMs = 30_000

export function createSenders(
  clock: Clock,
  { maxHeldBytes = 256 * 1024 * 1024 }: SenderLimits = {},
): Senders {
  /** Oldest first. */
  const senders = new Map<Socket, Sender>()

  const holdsTooMuch = (): boolean => {
    const pages = new Set<Page>()
    for (const sender of senders.values()) for (const page of sender.pages) pages.add(page)
    let bytes = 0
    for (const page of pages) bytes += page.bytes
    return pages.size > minPages && bytes > maxHeldBytes
  }

  const cutOldest = (): void => {
    const [oldest] = senders
    if (!oldest) return
    const [socket, { end }] = oldest
    end()
    socket.destroy()
  }

  const add = (socket: Socket): Sender => {
    const cut = (): void => {
      end()
      socket.destroy()
    }
    const timer = clock.setTimeout(cut, maxSendingMs)
    const end = (): void => {
      clock.clearTimeout(timer)
      socket.off('close', end)
      if (senders.get(socket) === sender) senders.delete(socket)
    }
    const sender: Sender = { responses: 0, pages: new Set(), end }
    // One listener per socket: it may have pipelined many requests.
    socket.once('close', end)
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
    },
    holds(socket, page) {
      senders.get(socket)?.pages.add(page)
      while (holdsTooMuch()) cutOldest()
      return page
    },
  }
}
