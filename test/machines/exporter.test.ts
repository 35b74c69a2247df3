/** The exporter's chart, move by move: what the models of the running system do not come by. */
import assert from 'node:assert/strict'
import type { ChangeEffect } from '../../machines/index.ts'
import { stageExporter } from './stage.ts'

const granted = { type: 'permit.granted', permit: { generation: 7, probe: false } } as const
const prepare = (effect: ChangeEffect, version = 1) => ({ type: 'config.prepare', version, effect }) as const
const commit = { type: 'config.commit', version: 1 } as const
const abort = { type: 'config.abort', version: 1 } as const
const prepared = { type: 'config.prepared', id: 'test', version: 1 }
const refused = { type: 'config.refused', id: 'test', version: 1, reason: 'prepare failed' }
const acknowledged = { type: 'config.acknowledged', id: 'test', version: 1 }

type Stage = ReturnType<typeof stageExporter>

const serving = async (): Promise<Stage> => {
  const stage = stageExporter()
  await stage.serve()
  return stage
}

/** Draining after it was disabled, with an attempt under way. */
const draining = async (): Promise<Stage> => {
  const stage = await serving()
  stage.send(prepare('disable'))
  stage.send(commit)
  stage.send(granted)
  stage.toSystem.length = 0
  assert.ok(stage.matches({ draining: 'exporting' }))
  return stage
}

/** Closing, to open again. */
const restarting = async (): Promise<Stage> => {
  const stage = await serving()
  stage.send({ type: 'exporter.restart' })
  assert.ok(stage.matches('closing'))
  return stage
}

describe('an exporter that is disabled', () => {
  it('takes a change that opens nothing at once', () => {
    const stage = stageExporter()
    stage.send(prepare('none'))
    assert.deepEqual(stage.toSystem, [prepared])
    stage.send(commit)
    assert.deepEqual(stage.toSystem, [prepared, acknowledged])
    assert.deepEqual(stage.told, ['commit'])
  })

  it('stays disabled when the change that was opening its client is aborted', () => {
    const stage = stageExporter()
    stage.send(prepare('open'))
    stage.send(abort)
    assert.ok(stage.matches({ disabled: 'idle' }))
    assert.deepEqual(stage.toSystem, [acknowledged])
    assert.deepEqual(stage.told, ['abort', 'abandon disabled'])
  })

  it('closes the client it had opened for a change that is aborted', async () => {
    const stage = stageExporter()
    stage.send(prepare('open'))
    await stage.work('prepare').done()
    assert.deepEqual(stage.toSystem, [prepared])
    stage.send(abort)
    assert.ok(stage.matches('closing'))
    await stage.work('close').done()
    assert.ok(stage.matches({ disabled: 'idle' }))
  })
})

describe('an exporter without a client yet', () => {
  it('goes straight to the destination of a change that comes while it opens', async () => {
    const stage = stageExporter()
    stage.send({ type: 'exporter.enable' })
    stage.send(prepare('open'))
    await stage.work('prepare').done()
    stage.send(commit)
    assert.ok(stage.matches({ active: { client: 'serving' } }))
  })

  it('takes a change that opens nothing while it opens', () => {
    const stage = stageExporter()
    stage.send({ type: 'exporter.enable' })
    stage.send(prepare('hot'))
    assert.deepEqual(stage.toSystem, [prepared])
  })

  it('goes straight to the destination of a change that comes while it waits to open again', async () => {
    const stage = stageExporter()
    stage.send({ type: 'exporter.enable' })
    await stage.work('open').fails()
    assert.ok(stage.matches({ active: { client: 'retrying' } }))
    stage.send(prepare('hot'))
    assert.deepEqual(stage.toSystem, [prepared])
    stage.send(prepare('open'))
    assert.ok(stage.matches({ active: { client: 'replacing' } }))
  })
})

describe('an exporter that serves', () => {
  it('takes a hot change without a move of its client', async () => {
    const stage = await serving()
    stage.send(prepare('hot'))
    stage.send(commit)
    assert.deepEqual(stage.toSystem, [prepared, acknowledged])
    assert.ok(stage.matches({ active: { client: 'serving' } }))
    assert.equal(stage.toBreaker.at(-1)?.type, 'breaker.configure')
  })

  it('answers every question, even while it prepares something else', async () => {
    const stage = await serving()
    stage.send(prepare('open'))
    stage.send(prepare('hot', 2))
    assert.deepEqual(stage.toSystem, [{ ...prepared, version: 2 }])
  })

  it('is not restarted while it replaces its client: the change does that', async () => {
    const stage = await serving()
    stage.send(prepare('open'))
    stage.send({ type: 'exporter.restart' })
    assert.ok(stage.matches({ active: { client: { replacing: 'opening' } } }))
  })

  it('opens its old client again when that had made room in vain', async () => {
    const stage = await serving()
    stage.facts.hasClient = false
    stage.send(prepare('replace'))
    await stage.work('prepare').fails()
    assert.deepEqual(stage.toSystem, [refused])
    assert.ok(stage.matches({ active: { client: 'opening' } }))
  })

  it('goes on when an old client cannot be retired', async () => {
    const stage = await serving()
    stage.facts.hasRetiring = true
    stage.send(prepare('hot'))
    stage.facts.hasRetiring = false
    await stage.work('retire').fails()
    assert.ok(stage.matches({ active: { retirement: 'none' } }))
    assert.ok(stage.told.includes('Error: retire failed'))
  })
})

describe('delivery', () => {
  const gathering = async (): Promise<Stage> => {
    const stage = await serving()
    stage.facts.hasWork = true
    stage.send({ type: 'telemetry.batch', events: [] })
    assert.ok(stage.matches({ active: { delivery: 'gathering' } }))
    return stage
  }
  const asking = async (): Promise<Stage> => {
    const stage = await gathering()
    stage.facts.batchDue = true
    stage.send({ type: 'exporter.flush' })
    assert.ok(stage.matches({ active: { delivery: 'asking' } }))
    assert.equal(stage.toBreaker.at(-1)?.type, 'permit.request')
    return stage
  }

  it('asks for a permit when the oldest item has waited long enough', async () => {
    const stage = await gathering()
    stage.clock.increment(499)
    assert.ok(stage.matches({ active: { delivery: 'gathering' } }))
    stage.clock.increment(1)
    assert.ok(stage.matches({ active: { delivery: 'asking' } }))
  })

  it('measures anew how long an item may wait when a hot change comes into force', async () => {
    const stage = await gathering()
    stage.clock.increment(300)
    stage.send(prepare('hot'))
    stage.facts.msUntilDue = 50
    stage.send(commit)
    stage.clock.increment(49)
    assert.ok(stage.matches({ active: { delivery: 'gathering' } }))
    stage.clock.increment(1)
    assert.ok(stage.matches({ active: { delivery: 'asking' } }))
  })

  it('has nothing to gather once everything has expired', async () => {
    const stage = await gathering()
    stage.facts.hasWork = false
    stage.send({ type: 'telemetry.batch', events: [] })
    assert.ok(stage.matches({ active: { delivery: 'empty' } }))
  })

  it('gives a permit back that it has no use for any more', async () => {
    const stage = await asking()
    stage.facts.hasWork = false
    stage.send(granted)
    assert.equal(stage.toBreaker.at(-1)?.type, 'permit.cancel')
    assert.ok(stage.matches({ active: { delivery: 'empty' } }))
  })

  it('gives a permit back that comes when it asks for none', async () => {
    const stage = await serving()
    stage.send(granted)
    assert.equal(stage.toBreaker.at(-1)?.type, 'permit.cancel')
  })

  it('reports what became of an attempt under the generation of its permit', async () => {
    const stage = await asking()
    stage.send(granted)
    stage.facts.hasWork = false
    await stage.work('export').done({ results: ['success'] })
    assert.deepEqual(stage.toBreaker.at(-1), {
      type: 'export.reported',
      generation: 7,
      results: ['success'],
    })
  })

  it('gives the permit back when exporting fails as a whole', async () => {
    const stage = await asking()
    stage.send(granted)
    stage.facts.hasWork = false
    await stage.work('export').fails()
    assert.equal(stage.toBreaker.at(-1)?.type, 'permit.cancel')
    assert.ok(stage.matches({ active: { delivery: 'empty' } }))
  })
})

describe('an exporter that drains', () => {
  it('takes a change that opens nothing, and is disabled in the end', async () => {
    const stage = await draining()
    stage.send(prepare('none'))
    stage.send(commit)
    assert.deepEqual(stage.toSystem, [prepared, acknowledged])
    await stage.work('drain').done({ results: [] })
    await stage.work('close').done()
    assert.ok(stage.matches({ disabled: 'idle' }))
  })

  it('closes all the same when draining fails as a whole', async () => {
    const stage = await draining()
    await stage.work('drain').fails()
    assert.ok(stage.matches('closing'))
  })
})

describe('an exporter that closes', () => {
  it('stops once it is closed, if it is told to meanwhile', async () => {
    const stage = await restarting()
    stage.send({ type: 'exporter.stop' })
    await stage.work('close').done()
    assert.ok(stage.matches('stopped'))
    assert.deepEqual(stage.toSystem, [{ type: 'exporter.stopped', id: 'test' }])
  })

  it('is closed even if closing fails', async () => {
    const stage = await restarting()
    await stage.work('close').fails()
    assert.ok(stage.matches({ active: { client: 'opening' } }))
    assert.ok(stage.told.includes('Error: close failed'))
  })

  it('opens again with a hot change that was taken meanwhile', async () => {
    const stage = await restarting()
    stage.send(prepare('hot'))
    stage.send(commit)
    assert.deepEqual(stage.toSystem, [prepared, acknowledged])
    await stage.work('close').done()
    assert.ok(stage.matches({ active: { client: 'opening' } }))
  })

  it('opens again as before when that change is aborted', async () => {
    const stage = await restarting()
    stage.send(prepare('hot'))
    stage.send(abort)
    assert.deepEqual(stage.toSystem, [prepared, acknowledged])
    await stage.work('close').done()
    assert.ok(stage.matches({ active: { client: 'opening' } }))
  })

  it('does not open again when it is disabled meanwhile', async () => {
    const stage = await restarting()
    stage.send(prepare('disable'))
    stage.send(commit)
    await stage.work('close').done()
    assert.ok(stage.matches({ disabled: 'idle' }))
    assert.deepEqual(stage.toSystem, [prepared, acknowledged])
  })

  it('opens for a change that enables it again once it is closed', async () => {
    const stage = await draining()
    stage.send(prepare('open'))
    assert.ok(stage.matches('closing'))
    stage.send(prepare('open'))
    await stage.work('close').done()
    assert.ok(stage.matches({ disabled: 'opening' }))
  })

  it('stays disabled when the change that would enable it is aborted meanwhile', async () => {
    const stage = await draining()
    stage.send(prepare('open'))
    stage.send(abort)
    await stage.work('close').done()
    assert.ok(stage.matches({ disabled: 'idle' }))
  })
})
