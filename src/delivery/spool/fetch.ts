import { type Clock, elapsed } from '../../clock.ts'
import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import { type Batch, batchOf } from '../batch.ts'
import type { Queue } from '../queue-contract.ts'
import { CorruptFile } from './content.ts'
import type { Store } from './contract.ts'
import type { LoadedFile } from './reading.ts'
import { createBacking } from './save.ts'

/** Files that are in memory at the same time. */
const maxLoaded = 4
/** Bytes of an item in memory beside its contents. */
const itemBytes = 96

/** Reads files when they are to be sent. */
export interface Fetch {
  /** A file waits, and may be read now. */
  readonly isPossible: boolean
  readonly isUnderWay: boolean
  /** One at a time: a second call waits for the first. False: nothing was read, or nothing in time. */
  load(): Promise<boolean>
}

export function createFetch({
  definition,
  state,
  store,
  clock,
  queue,
  onError,
  onRead,
  onReadable,
}: {
  definition: AnyExporterDefinition
  state: unknown
  store: Store
  clock: Clock
  queue: () => Queue
  onError: (error: unknown) => void
  /** A batch was added to the queue. */
  onRead: () => void
  onReadable: () => void
}): Fetch {
  const { reading } = store
  let loaded = 0
  let underWay: Promise<boolean> | undefined
  let isSlow = false

  const batchFrom = ({ file, head, packed }: LoadedFile): Batch => {
    const items = [...(definition.unpack?.(packed, head.version, state) ?? [])]
    const { weights, wires, self } = head
    const weight = weights.reduce((sum, each) => sum + each, 0)
    if (items.length === 0 || items.length !== weights.length || weight !== file.facts.weight)
      throw new CorruptFile('its items are not those that its head tells of')
    const size = Math.ceil(packed.length / items.length) + itemBytes
    const age = Math.max(clock.now() - file.facts.sequence / 1000, 0)
    const forget = (): void => {
      loaded -= 1
    }
    const backing = createBacking(items.length, {
      onEmpty: (of) => {
        forget()
        store.remove(of)
      },
      onSurvived: reading.survived,
      onPutBack: forget,
    })
    backing.attach(file)
    return {
      ...batchOf({
        items,
        weights: [...weights],
        sizes: items.map(() => size),
        wires: wires ? [...wires] : undefined,
        weight,
        bytes: size * items.length,
        at: elapsed(clock) - age,
        // A flush waits for files by their numbers.
        firstPosition: Number.POSITIVE_INFINITY,
        onlySelf: self,
      }),
      // Its name has this attempt already.
      attempts: file.facts.attempts - 1,
      doubtful: file.doubtful,
      isPartlyTaken: file.isPartlyTaken,
      backing,
    }
  }

  const unpack = (file: LoadedFile) => {
    const batch = batchFrom(file)
    return () => {
      loaded += 1
      queue().addFetched(batch)
      onRead()
    }
  }

  const isPossible = (): boolean => underWay === undefined && loaded < maxLoaded && reading.mayRead

  return {
    get isPossible() {
      return isPossible()
    },
    get isUnderWay() {
      return underWay !== undefined && !isSlow
    },
    load() {
      if (underWay) return underWay
      if (!isPossible()) return Promise.resolve(false)
      // Does not wait for a disk that hangs: what it may still read is taken later.
      underWay = new Promise((resolve) => {
        const onSlow = () => {
          isSlow = true
          resolve(false)
        }
        const read = reading.load(unpack, onSlow).catch((error) => {
          onError(error)
          return false
        })
        void read.then((wasRead) => {
          underWay = undefined
          isSlow = false
          onReadable()
          resolve(wasRead)
        })
      })
      return underWay
    },
  }
}
