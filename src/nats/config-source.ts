import { hostname } from 'node:os'
import { type Clock, createSystemClock } from '../clock.ts'
import type { ConfigSource } from '../config/sources/source.ts'
import { messageOf, TelemetryError } from '../errors.ts'
import { connectTo } from '../nats-client/connection.ts'
import { checkedName, checkedServers, type NatsServers } from '../nats-client/servers.ts'
import type { TelemetryStatus } from '../status.ts'
import { createCache } from './cache.ts'
import { type ConfigLink, openConfigLink } from './config-link.ts'
import { type Canary, type Revision, readCanary, readRevision } from './documents.ts'
import { defaultBucket, defaultKey, fleetNames } from './names.ts'
import { type NodeStatus, nodeExporters, problemTexts, writtenBy } from './node-status.ts'
import { createStatusWriter } from './status-writer.ts'

/** Options of {@link natsConfig}. */
export interface NatsConfigOptions extends NatsServers {
  /** The bucket with the documents; the one with the statuses is `<bucket>_status`. Default: `telemachine`. */
  readonly bucket?: string | undefined
  /** The key of the document. Default: `config`. */
  readonly key?: string | undefined
  /** The name of this node: the key of its status. Default: `<host name>-<process id>`. */
  readonly node?: string | undefined
  /** What `fleet status` calls this process. Default: `node`. */
  readonly role?: 'node' | 'gateway' | undefined
  /** A file that keeps the last valid document, so that a node can start while the server is away. Default: none. */
  readonly cacheFile?: string | undefined
  /** How often the status is written at least, in milliseconds; 100 to 3,600,000. Default: 10,000. */
  readonly heartbeatMs?: number | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
}

/** A document that was given to telemetry. */
interface Given {
  readonly revision: number
  readonly canary: boolean
  readonly cached: boolean
  readonly document: Record<string, unknown>
}

/** How long the server may be away before the source counts as lost. */
const patienceMs = 5000
/** The first answer of the server, before the cached document is taken instead. */
const connectMs = 2000
/** Every so many heartbeats the store is asked whether something was missed. */
const heartbeatsPerQuestion = 3

const defaultNode = (): string =>
  `${hostname()
    .replace(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, 50)}-${process.pid}`

function checkedHeartbeat(ms: number): number {
  if (ms >= 100 && ms <= 3_600_000) return ms
  throw new TelemetryError('NATS_OPTION_INVALID', 'heartbeatMs must be from 100 to 3600000')
}

/**
 * A configuration source on NATS JetStream, for `config.remote`: it gets each change of a document that a fleet shares,
 * and writes what became of it, and how its exporters are, under a key of its own. The document has the shape of
 * `config.init`; the rules for untrusted sources apply to it. Needs the package `@nats-io/transport-node`. The connection
 * keeps the process alive until `telemetry.stop()`.
 * @throws TelemetryError `NATS_OPTION_INVALID`.
 */
export function natsConfig(options: NatsConfigOptions): ConfigSource {
  checkedServers(options)
  const bucket = checkedName('bucket', options.bucket ?? defaultBucket)
  const key = checkedName('key', options.key ?? defaultKey)
  const node = checkedName('node', options.node ?? defaultNode())
  const heartbeatMs = checkedHeartbeat(options.heartbeatMs ?? 10_000)
  const { clock = createSystemClock(), role = 'node' } = options
  const names = fleetNames(bucket, key)
  const cache =
    options.cacheFile === undefined ? undefined : createCache(options.cacheFile, `${bucket}/${key}`)
  const startedAt = clock.now()

  let link: ConfigLink | undefined
  let main: Revision | undefined
  let canary: Canary | undefined
  let given: Given | undefined
  /** Documents that were given, by themselves. */
  const known = new WeakMap<object, Given>()
  let inForce: Given | undefined
  let refused: NodeStatus['refused']
  let readStatus: (() => TelemetryStatus) | undefined
  let isStopped = false
  let cacheProblem: string | undefined
  let beats = 0

  const nodeStatus = (): NodeStatus | undefined => {
    if (readStatus === undefined) return undefined
    const status = readStatus()
    return {
      ...{ node, role, key },
      ...writtenBy(),
      at: clock.now(),
      startedAt,
      heartbeatMs,
      system: isStopped ? 'stopped' : status.system,
      revision: inForce?.revision ?? 0,
      canary: inForce?.canary ?? false,
      cached: inForce?.cached ?? false,
      ...(refused && { refused }),
      exporters: nodeExporters(status),
      warnings: cacheProblem === undefined ? [] : [`the cache cannot be written: ${cacheProblem}`],
    }
  }

  const writer = createStatusWriter(
    clock,
    () => (link?.isAway ? undefined : link?.connection),
    `${names.status.prefix}${node}`,
    nodeStatus,
  )

  /** Returns the document for this node: the canary, if it is based on the current document and names this node. */
  const wanted = (): Omit<Given, 'cached'> | undefined => {
    const base = main?.revision ?? 0
    if (canary?.base === base && canary.nodes.includes(node)) return { ...canary, canary: true }
    return main && { ...main, canary: false }
  }

  const refuse = (revision: number, problems: readonly string[], omitted = 0): void => {
    refused = { revision, problems, omitted }
    void writer.write()
  }

  const hand = (next: Given, onChange: (document: Record<string, unknown>) => void): void => {
    given = next
    known.set(next.document, next)
    onChange(next.document)
  }

  const giveCached = async (onChange: (document: Record<string, unknown>) => void): Promise<void> => {
    if (given?.cached || inForce !== undefined) return
    const cached = await cache?.read()
    if (cached === undefined || inForce !== undefined) return
    hand({ ...cached, canary: false, cached: true }, onChange)
  }

  /** Set by `watch`, for a document that is refused while none is in force. */
  let fallBack: () => void = () => {}

  const source: ConfigSource = {
    name: `nats ${bucket}/${key}`,
    load: () => given?.document ?? {},
    watch: async (onChange, onError) => {
      const give = (): void => {
        const next = wanted()
        if (next === undefined) return
        if (next.revision !== given?.revision) hand({ ...next, cached: false }, onChange)
        else if (inForce?.cached && inForce === given) inForce = given = { ...given, cached: false }
      }
      fallBack = () => void giveCached(onChange)
      let timer: unknown
      const stopBeating = (): void => {
        if (timer !== undefined) clock.clearTimeout(timer)
        timer = undefined
      }
      const beat = (): void => {
        beats += 1
        void writer.write()
        if (beats % heartbeatsPerQuestion === 0) link?.catchUp().catch(() => {})
        timer = clock.setTimeout(beat, heartbeatMs)
      }
      let isCatchingUp = true
      try {
        const connection = await connectTo({
          ...options,
          name: `telemachine ${node}`,
          inboxPrefix: `_INBOX.${node}`,
          timeoutMs: connectMs,
        })
        link = await openConfigLink({
          ...{ connection, names, clock, patienceMs },
          heard: (what, message) => {
            const read = what === 'config' ? readRevision(message) : readCanary(message)
            if (read.type === 'unreadable') {
              refuse(message.seq, [read.problem])
              return
            }
            // A deleted document changes nothing, as a deleted file does; a deleted canary is over.
            if (what === 'canary') canary = read.type === 'read' ? (read.value as Canary) : undefined
            else if (read.type === 'read') main = read.value
            if (!isCatchingUp) give()
          },
          lost: (error) => {
            stopBeating()
            link = undefined
            onError?.(new Error(error))
          },
        })
      } catch (error) {
        await giveCached(onChange)
        throw error
      }
      isCatchingUp = false
      give()
      void writer.write()
      timer = clock.setTimeout(beat, heartbeatMs * (0.5 + Math.random() / 2))
      const open = link
      return () => {
        stopBeating()
        // While telemetry stops, its last status is still to be written.
        if (readStatus === undefined) void open.close()
      }
    },
    report: async (outcome, status) => {
      readStatus = status as () => TelemetryStatus
      if (outcome.type === 'applied') {
        const applied = known.get(outcome.document as object)
        // `load` returns an empty document if the key does not exist.
        if (applied !== undefined) {
          inForce = applied
          refused = undefined
          const { revision, document, canary: isCanary, cached } = applied
          if (!isCanary && !cached)
            cache?.write({ revision, document }).then(
              () => {
                cacheProblem = undefined
              },
              (error) => {
                cacheProblem = messageOf(error)
              },
            )
        }
        writer.writeSoon()
      } else if (outcome.type === 'refused') {
        refuse(
          known.get(outcome.document as object)?.revision ?? 0,
          problemTexts(outcome.problems),
          outcome.omitted,
        )
        if (inForce === undefined) fallBack()
      } else if (outcome.type === 'state') writer.writeSoon()
      else {
        isStopped = true
        await writer.write()
        const open = link
        link = undefined
        readStatus = undefined
        await open?.close()
      }
    },
  }
  return source
}
