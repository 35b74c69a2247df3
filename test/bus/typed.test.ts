// The types of emit: known events take exactly what they carry, and without an event map everything is accepted.
// The compiler checks this file; each `@ts-expect-error` is a call that must not compile.
import type { EventMap, TypedEmit } from '../../src/bus/typed.ts'

interface Events {
  'job.start': { measurements: { depth: number }; metadata: { queue: string; correlation_id?: string } }
  'job.success': { measurements: { duration_ms: number } }
  'job.note': { metadata: { text?: string } }
  'job.retry': { metadata: { attempt: number } }
  tick: Record<never, never>
}

const emit: TypedEmit<Events> = () => {}
const emitAny: TypedEmit = () => {}

/** As `createTelemetry` declares it. */
const create =
  <Map extends EventMap<Map>>(): TypedEmit<Map> =>
  () => {}

describe('typed events', () => {
  it('take what they carry', () => {
    emit('job.start', { depth: 1 }, { queue: 'mail' })
    emit('job.start', { depth: 1 }, { queue: 'mail', correlation_id: 'x' })
    emit('job.success', { duration_ms: 1 })
    emit('job.note')
    emit('job.note', {}, { text: 'x' })
    emit('job.retry', {}, { attempt: 1 })
    emit('job.retry', undefined, { attempt: 1 })
    emit('tick')
    emit('tick', {}, {})
  })

  it('refuse what they do not', () => {
    // @ts-expect-error an unknown name
    emit('job.unknown')
    // @ts-expect-error measurements and metadata are missing
    emit('job.start')
    // @ts-expect-error metadata are missing
    emit('job.start', { depth: 1 })
    // @ts-expect-error a wrong type
    emit('job.start', { depth: '1' }, { queue: 'mail' })
    // @ts-expect-error an unknown key
    emit('job.start', { depth: 1 }, { queue: 'mail', other: 1 })
    // @ts-expect-error measurements are required
    emit('job.success')
    // @ts-expect-error it carries no metadata
    emit('job.success', { duration_ms: 1 }, { a: 1 })
    // @ts-expect-error metadata are required
    emit('job.retry')
    // @ts-expect-error it carries nothing
    emit('tick', { a: 1 })
  })

  it('accept any name by default', () => {
    interface Shape {
      queue: string
    }
    const shape: Shape = { queue: 'mail' }
    emitAny('whatever')
    emitAny('whatever', { count: 1 }, shape)
    emitAny('whatever', undefined, { deep: { a: [1] } })
    // @ts-expect-error not an object
    emitAny('whatever', 1)
  })

  it('come from an inline map', () => {
    create<{ a: { measurements: { n: number } } }>()('a', { n: 1 })
    // @ts-expect-error measurements must be an object
    create<{ a: { measurements: number } }>()
  })
})
