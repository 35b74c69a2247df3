/** The breaker's chart, move by move: what an exporter with one attempt at a time does not come by. */
import assert from 'node:assert/strict'
import { createActor, fromCallback } from 'xstate'
import { type BreakerInput, type BreakerReply, breakerMachine, type Permit } from '../../machines/index.ts'
import { createSimulatedClock } from '../../src/testing/index.ts'
import { coverage } from '../support/coverage.ts'

const settings = { failureThreshold: 1, resetTimeoutMs: 1000, probeTimeoutMs: 300 }

function stageBreaker(input: Partial<BreakerInput> = {}) {
  const clock = createSimulatedClock()
  const replies: BreakerReply[] = []
  const holder = createActor(
    fromCallback<BreakerReply>(({ receive }) => receive((reply) => void replies.push(reply))),
  )
  holder.start()
  const actor = createActor(breakerMachine, {
    input: { settings, ...input },
    clock,
    inspect: coverage.inspect,
  })
  actor.start()
  const request = (urgent = false): void =>
    actor.send({ type: 'permit.request', replyTo: holder as never, urgent })
  const permit = (): Permit => {
    const reply = replies.at(-1)
    assert.equal(reply?.type, 'permit.granted')
    return (reply as Extract<BreakerReply, { type: 'permit.granted' }>).permit
  }
  return {
    clock,
    replies,
    request,
    permit,
    send: actor.send.bind(actor),
    matches: (state: Parameters<ReturnType<typeof actor.getSnapshot>['matches']>[0]): boolean =>
      actor.getSnapshot().matches(state),
    report: (result: 'success' | 'failure' | 'cancelled', { generation }: Permit = permit()): void =>
      actor.send({ type: 'export.reported', generation, results: [result] }),
    /** Half open, with its probe under way. */
    probe() {
      request()
      this.report('failure')
      clock.increment(1000)
      request()
      assert.ok(actor.getSnapshot().matches({ half_open: 'probing' }))
    },
  }
}

describe('a breaker', () => {
  it('stands aside for an exporter that is pulled', () => {
    assert.ok(stageBreaker({ standsAside: true }).matches('disabled'))
  })

  it('sends no probe for a request that was withdrawn while it was open', () => {
    const breaker = stageBreaker()
    breaker.request()
    breaker.report('failure')
    breaker.request()
    breaker.send({ type: 'permit.withdraw' })
    breaker.clock.increment(1000)
    assert.ok(breaker.matches({ half_open: 'free' }))
    assert.equal(breaker.replies.length, 1)
  })

  it('keeps a second request waiting while its probe is under way, and lets it in after a success', () => {
    const breaker = stageBreaker()
    breaker.probe()
    const probe = breaker.permit()
    breaker.request()
    assert.equal(breaker.permit(), probe)
    breaker.report('success', probe)
    assert.ok(breaker.matches('closed'))
    assert.notEqual(breaker.permit(), probe)
  })

  it('frees the slot of a probe that says nothing about the backend', () => {
    const breaker = stageBreaker()
    breaker.probe()
    breaker.report('cancelled')
    assert.ok(breaker.matches({ half_open: 'free' }))
  })

  it('frees the slot of a probe that never reports, at its deadline', () => {
    const breaker = stageBreaker()
    breaker.probe()
    const lost = breaker.permit()
    breaker.clock.increment(300)
    assert.ok(breaker.matches({ half_open: 'free' }))
    breaker.request()
    breaker.report('failure', lost)
    assert.ok(breaker.matches({ half_open: 'probing' }))
  })

  it('does not keep an exporter waiting that is on its way out', () => {
    const breaker = stageBreaker()
    breaker.request()
    breaker.report('failure')
    breaker.request(true)
    assert.equal(breaker.permit().probe, true)
    assert.ok(breaker.matches('open'))
    breaker.send({ type: 'breaker.force_open' })
    breaker.request(true)
    assert.equal(breaker.replies.at(-1)?.type, 'permit.denied')
  })
})
