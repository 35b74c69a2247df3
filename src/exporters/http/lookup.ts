import dns, { type LookupAddress, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { performance } from 'node:perf_hooks'

/**
 * Node resolves names on its pool of four threads, two of which a lookup may have: the host's lookups wait for ours.
 * So no more names than these are resolved at once, whatever exporters there are and however often they try.
 */
const maxUnderWay = 2

/** Names whose lookup took longer are looked up one at a time, so that unanswered names leave a thread for others. */
const slowMs = 1_000

/** A lookup that was not answered for so long never will be: the program may have put another resolver in its place. */
const lostMs = 60_000

const maxRemembered = 100

/** Without addresses where there is an error. */
type Found = (error: NodeJS.ErrnoException | null, addresses?: readonly LookupAddress[]) => void

/** One name that is being resolved, or waits for its turn, and everyone who has asked meanwhile. */
interface Question {
  readonly key: string
  readonly hostname: string
  readonly options: LookupOptions
  readonly callers: Found[]
  since: number
}

/** Resolves a name, or a rejection, as `dns.lookup` does for all addresses. */
export type Resolve = (hostname: string, options: LookupOptions & { all: true }, found: Found) => void

/**
 * A `lookup` for sockets that resolves each name once at a time, and few names at once. Nothing is cached: the next
 * connection asks again.
 */
export function createLookup(resolve: Resolve, now: () => number): LookupFunction {
  const underWay = new Map<string, Question>()
  const waiting = new Map<string, Question>()
  const slow = new Set<string>()

  const tookLong = ({ since }: Question): boolean => now() - since >= slowMs

  const mayBegin = ({ key }: Question): boolean =>
    underWay.size < maxUnderWay &&
    !(slow.has(key) && [...underWay.values()].some((other) => slow.has(other.key) || tookLong(other)))

  const beginNext = (): void => {
    for (const question of underWay.values())
      if (now() - question.since >= lostMs) underWay.delete(question.key)
    for (const question of waiting.values()) if (mayBegin(question)) begin(question)
  }

  const begin = (question: Question): void => {
    const { key, hostname, options, callers } = question
    waiting.delete(key)
    underWay.set(key, question)
    question.since = now()
    const finish: Found = (error, addresses) => {
      if (underWay.get(key) === question) underWay.delete(key)
      if (tookLong(question) && slow.size < maxRemembered) slow.add(key)
      else slow.delete(key)
      for (const found of callers.splice(0)) found(error, addresses)
      beginNext()
    }
    try {
      resolve(hostname, { ...options, all: true }, finish)
    } catch (thrown) {
      finish(thrown as NodeJS.ErrnoException)
    }
  }

  return (hostname, options, callback) => {
    const found: Found = (error, addresses = []) => {
      const [first] = addresses
      if (error || first === undefined) callback(error, options.all ? [] : '')
      else if (options.all) callback(null, [...addresses])
      else callback(null, first.address, first.family)
    }
    beginNext()
    const key = [hostname, options.family, options.hints].join(' ')
    const same = underWay.get(key) ?? waiting.get(key)
    if (same) {
      same.callers.push(found)
      return
    }
    waiting.set(key, { key, hostname, options, callers: [found], since: 0 })
    beginNext()
  }
}

/** One for the whole process. It calls whatever stands in `dns.lookup`, which programs replace. */
export const sharedLookup: LookupFunction = createLookup(
  (hostname, options, found) => dns.lookup(hostname, options, found),
  () => performance.now(),
)
