/** The failover chart: which of several endpoints serves, who is asked for permits, and when a better one is probed. */
import assert from 'node:assert/strict'
import { failoverMachine } from '../../machines/index.ts'
import { failoverChart, stageFailover } from './stages/failover.ts'
import { coversChart, followTable } from './table.ts'

const all = (event: string): string[] => ['primary', 'second', 'third'].map((name) => `${name} < ${event}`)

/** What changes no state: it is passed on, or given back if nobody asked for it. */
const common = (state: string) =>
  ({
    'primary has failed': [state, 'primary < export.reported 4 failure'],
    'second has failed': [state, 'second < export.reported 4 failure'],
    'moves on': [state, ...all('breaker.renew')],
    'is configured': [state, ...all('breaker.configure')],
    'has two endpoints': [state, 'primary < breaker.watch', 'second < breaker.watch'],
    'primary grants': [state, 'primary < permit.cancel'],
    'primary grants a probe': [state, 'primary < permit.cancel'],
    'second grants': [state, 'second < permit.cancel'],
  }) as const

/** Whoever asks again takes back what was asked at one of the endpoints. */
const askedAt = (at: string, state: string) =>
  ({
    'asks urgently': [`${state}, asked at ${at}`, `${at} < permit.withdraw`, `${at} < permit.request urgent`],
    'asks urgently, without success so far': [
      `${state}, asked at third`,
      `${at} < permit.withdraw`,
      'third < permit.request urgent',
    ],
    'asks for a probe': [`${state}, asked`, `${at} < permit.withdraw`],
    withdraws: [state, `${at} < permit.withdraw`],
  }) as const

describe('the failover chart', () => {
  followTable(failoverChart, {
    primary: {
      ...common('primary'),
      asks: ['primary, asked at primary', 'primary < permit.request delivery'],
      'asks urgently': ['primary, asked at primary', 'primary < permit.request urgent'],
      'asks urgently, without success so far': ['primary, asked at third', 'third < permit.request urgent'],
      'asks for a probe': ['primary, asked'],
      cancels: ['primary', 'primary < permit.cancel'],
      'primary opens': ['fallback 1', 'shows 1', 'delivery < endpoint.changed 1'],
      'primary may be probed': [
        'fallback 1, probe due',
        'shows 1',
        'delivery < endpoint.changed 1',
        'delivery < permit.recalled',
      ],
      'primary is forced open': ['fallback 1', 'shows 1', 'delivery < endpoint.changed 1'],
      'primary revokes': ['primary', 'delivery < permit.revoked'],
    },
    'primary, asked at primary': {
      ...common('primary, asked at primary'),
      ...askedAt('primary', 'primary'),
      asks: ['primary, asked at primary', 'primary < permit.withdraw', 'primary < permit.request delivery'],
      cancels: ['primary', 'primary < permit.cancel'],
      'primary opens': [
        'fallback 1, asked at second',
        'shows 1',
        'delivery < endpoint.changed 1',
        'primary < permit.withdraw',
        'second < permit.request delivery',
      ],
      'primary may be probed': [
        'fallback 1, probe due, asked at second',
        'shows 1',
        'delivery < endpoint.changed 1',
        'primary < permit.withdraw',
        'second < permit.request delivery',
      ],
      'primary is forced open': [
        'fallback 1, asked at second',
        'shows 1',
        'delivery < endpoint.changed 1',
        'primary < permit.withdraw',
        'second < permit.request delivery',
      ],
      'primary grants': ['primary', 'delivery < a permit of 0 among others'],
      'primary grants a probe': [
        'fallback 1',
        'delivery < a probe of 0 among others',
        'shows 1',
        'delivery < endpoint.changed 1',
      ],
      'primary denies': ['primary, asked at second', 'second < permit.request delivery'],
    },
    'fallback 1': {
      ...common('fallback 1'),
      asks: ['fallback 1, asked at second', 'second < permit.request delivery'],
      'asks urgently': ['fallback 1, asked at second', 'second < permit.request urgent'],
      'asks urgently, without success so far': [
        'fallback 1, asked at third',
        'third < permit.request urgent',
      ],
      'asks for a probe': ['fallback 1, asked'],
      cancels: ['fallback 1', 'second < permit.cancel'],
      'primary may be probed': ['fallback 1, probe due', 'delivery < permit.recalled'],
      'primary is well': ['primary', 'shows 0', 'delivery < endpoint.changed 0'],
      'second opens': ['fallback 2', 'shows 2', 'delivery < endpoint.changed 2'],
      'second may be probed': [
        'fallback 2, probe due',
        'shows 2',
        'delivery < endpoint.changed 2',
        'delivery < permit.recalled',
      ],
      'second revokes': ['fallback 1', 'delivery < permit.revoked'],
    },
    'fallback 1, asked at second': {
      ...common('fallback 1, asked at second'),
      ...askedAt('second', 'fallback 1'),
      asks: ['fallback 1, asked at second', 'second < permit.withdraw', 'second < permit.request delivery'],
      cancels: ['fallback 1', 'second < permit.cancel'],
      'primary may be probed': ['fallback 1, probe due, asked at second'],
      'primary is well': [
        'primary, asked at primary',
        'shows 0',
        'delivery < endpoint.changed 0',
        'second < permit.withdraw',
        'primary < permit.request delivery',
      ],
      'second opens': [
        'fallback 2, asked at third',
        'shows 2',
        'delivery < endpoint.changed 2',
        'second < permit.withdraw',
        'third < permit.request delivery',
      ],
      'second may be probed': [
        'fallback 2, probe due, asked at third',
        'shows 2',
        'delivery < endpoint.changed 2',
        'second < permit.withdraw',
        'third < permit.request delivery',
      ],
      'second grants': ['fallback 1', 'delivery < a permit of 1 among others'],
    },
    'fallback 2': {
      ...common('fallback 2'),
      asks: ['fallback 2, asked at third', 'third < permit.request delivery'],
      'asks urgently': ['fallback 2, asked at third', 'third < permit.request urgent'],
      'asks urgently, without success so far': [
        'fallback 2, asked at third',
        'third < permit.request urgent',
      ],
      'asks for a probe': ['fallback 2, asked'],
      'has two endpoints': [
        'none',
        'primary < breaker.watch',
        'second < breaker.watch',
        'shows null',
        'delivery < endpoint.changed null',
      ],
      'primary may be probed': ['fallback 2, probe due', 'delivery < permit.recalled'],
      'primary is well': ['primary', 'shows 0', 'delivery < endpoint.changed 0'],
      'second may be probed': ['fallback 2, probe due', 'delivery < permit.recalled'],
      'second is well': ['fallback 1', 'shows 1', 'delivery < endpoint.changed 1'],
      'third opens': ['none', 'shows null', 'delivery < endpoint.changed null'],
    },
    'fallback 1, probe due': {
      ...common('fallback 1, probe due'),
      asks: ['fallback 1, probe asking, asked', 'primary < permit.request delivery'],
      'asks urgently': ['fallback 1, probe due, asked at second', 'second < permit.request urgent'],
      'asks urgently, without success so far': [
        'fallback 1, probe due, asked at third',
        'third < permit.request urgent',
      ],
      'asks for a probe': ['fallback 1, probe asking, asked', 'primary < permit.request delivery'],
      'primary opens': ['fallback 1'],
      'primary is well': ['primary', 'shows 0', 'delivery < endpoint.changed 0'],
      'primary is forced open': ['fallback 1'],
      'second opens': ['fallback 2, probe due', 'shows 2', 'delivery < endpoint.changed 2'],
      'second may be probed': ['fallback 2, probe due', 'shows 2', 'delivery < endpoint.changed 2'],
    },
    'fallback 1, asked': {
      ...common('fallback 1, asked'),
      asks: ['fallback 1, asked at second', 'second < permit.request delivery'],
      'asks urgently': ['fallback 1, asked at second', 'second < permit.request urgent'],
      'asks urgently, without success so far': [
        'fallback 1, asked at third',
        'third < permit.request urgent',
      ],
      withdraws: ['fallback 1'],
      cancels: ['fallback 1'],
      'primary may be probed': ['fallback 1, probe asking, asked', 'primary < permit.request delivery'],
      'primary is well': ['primary, asked', 'shows 0', 'delivery < endpoint.changed 0'],
      'second opens': ['fallback 2, asked', 'shows 2', 'delivery < endpoint.changed 2'],
      'second may be probed': [
        'fallback 2, probe asking, asked',
        'shows 2',
        'delivery < endpoint.changed 2',
        'second < permit.request delivery',
      ],
    },
    'fallback 1, probe asking, asked': {
      ...common('fallback 1, probe asking, asked'),
      withdraws: ['fallback 1, probe asking'],
      cancels: ['fallback 1, probe asking'],
      'primary opens': [
        'fallback 1, asked at second',
        'primary < permit.withdraw',
        'second < permit.request delivery',
      ],
      'primary is well': [
        'primary, asked at primary',
        'primary < permit.withdraw',
        'primary < permit.request delivery',
        'shows 0',
        'delivery < endpoint.changed 0',
      ],
      'primary is forced open': [
        'fallback 1, asked at second',
        'primary < permit.withdraw',
        'second < permit.request delivery',
      ],
      'second opens': [
        'fallback 2, probe asking, asked at third',
        'shows 2',
        'delivery < endpoint.changed 2',
        'third < permit.request delivery',
      ],
      'second may be probed': [
        'fallback 2, probe asking, asked at third',
        'shows 2',
        'delivery < endpoint.changed 2',
        'third < permit.request delivery',
      ],
      'primary grants a probe': [
        'fallback 1, probe probing, asked at second',
        'second < permit.request delivery',
        'starts probe of 0',
      ],
    },
    'fallback 1, probe probing, asked at second': {
      ...common('fallback 1, probe probing, asked at second'),
      ...askedAt('second', 'fallback 1, probe probing'),
      asks: [
        'fallback 1, probe probing, asked at second',
        'second < permit.withdraw',
        'second < permit.request delivery',
      ],
      cancels: ['fallback 1, probe probing', 'second < permit.cancel'],
      'primary is well': [
        'primary, probe probing, asked at primary',
        'shows 0',
        'delivery < endpoint.changed 0',
        'second < permit.withdraw',
        'primary < permit.request delivery',
      ],
      'second opens': [
        'fallback 2, probe probing, asked at third',
        'shows 2',
        'delivery < endpoint.changed 2',
        'second < permit.withdraw',
        'third < permit.request delivery',
      ],
      'second may be probed': [
        'fallback 2, probe probing, asked at third',
        'shows 2',
        'delivery < endpoint.changed 2',
        'second < permit.withdraw',
        'third < permit.request delivery',
      ],
      'second grants': ['fallback 1, probe probing', 'delivery < a permit of 1 among others'],
      'probe ends': ['fallback 1, asked at second', 'primary < export.reported 4 failure'],
      'probe dies': [
        'fallback 1, asked at second',
        'unit.noteError Error: probe failed',
        'primary < permit.cancel',
      ],
    },
    none: {
      ...common('none'),
      asks: ['none, asked'],
      'asks urgently': ['none, asked at primary', 'primary < permit.request urgent'],
      'asks urgently, without success so far': ['none, asked at third', 'third < permit.request urgent'],
      'asks for a probe': ['none, asked'],
      'primary is well': ['primary', 'shows 0', 'delivery < endpoint.changed 0'],
      'second is well': ['fallback 1', 'shows 1', 'delivery < endpoint.changed 1'],
    },
    'none, asked': {
      ...common('none, asked'),
      'asks urgently': ['none, asked at primary', 'primary < permit.request urgent'],
      'asks urgently, without success so far': ['none, asked at third', 'third < permit.request urgent'],
      withdraws: ['none'],
      cancels: ['none'],
      'primary may be probed': ['none, asked at primary', 'primary < permit.request delivery'],
      'primary is well': [
        'primary, asked at primary',
        'shows 0',
        'delivery < endpoint.changed 0',
        'primary < permit.request delivery',
      ],
      'second may be probed': ['none, asked at second', 'second < permit.request delivery'],
      'second is well': [
        'fallback 1, asked at second',
        'shows 1',
        'delivery < endpoint.changed 1',
        'second < permit.request delivery',
      ],
    },
    'none, asked at primary': {
      ...common('none, asked at primary'),
      ...askedAt('primary', 'none'),
      asks: ['none, asked', 'primary < permit.withdraw'],
      cancels: ['none', 'primary < permit.cancel'],
      'primary is well': ['primary, asked at primary', 'shows 0', 'delivery < endpoint.changed 0'],
      'second is well': [
        'fallback 1, asked at second',
        'shows 1',
        'delivery < endpoint.changed 1',
        'primary < permit.withdraw',
        'second < permit.request urgent',
      ],
      'primary grants': ['none', 'delivery < a permit of 0 among others'],
      'primary grants a probe': ['none', 'delivery < a probe of 0 among others'],
      'primary denies': ['none, asked at second', 'second < permit.request urgent'],
    },
  })

  const heard = async (...commands: (keyof ReturnType<typeof stageFailover>['commands'])[]) => {
    const stage = stageFailover()
    for (const command of commands) assert.ok(await stage.commands[command](), command)
    return stage
  }

  it('takes the primary back when its probe has shown that it is well', async () => {
    const { log, show } = await heard(
      ...([
        'asks',
        'primary grants',
        'primary has failed',
        'primary opens',
        'primary may be probed',
      ] as const),
      ...(['asks', 'primary grants a probe', 'second grants', 'probe ends', 'primary is well'] as const),
    )
    assert.equal(show(), 'primary')
    assert.deepEqual(log.slice(-3), [
      'primary < export.reported 4 failure',
      'shows 0',
      'delivery < endpoint.changed 0',
    ])
  })

  it('probes with one batch at a time, while the fallback serves', async () => {
    const { log, commands, show } = await heard(
      ...(['asks', 'primary opens', 'primary may be probed', 'second grants', 'asks'] as const),
      ...(['primary grants a probe', 'second grants', 'asks', 'second grants'] as const),
    )
    assert.equal(show(), 'fallback 1, probe probing')
    assert.equal(log.filter((line) => line.startsWith('starts probe')).length, 1)
    assert.equal(log.filter((line) => line === 'delivery < a permit of 1 among others').length, 3)
    await commands['probe ends']()
    assert.equal(show(), 'fallback 1')
  })

  it('grants no permit once the last endpoint has opened', async () => {
    const { log, show } = await heard('asks', 'second opens', 'third opens', 'primary opens')
    assert.equal(show(), 'none, asked')
    assert.equal(log.at(-1), 'primary < permit.withdraw')
  })

  it('says which endpoint serves as soon as somebody asks, if it could not before', async () => {
    const { log } = await heard('primary is forced open', 'asks', 'asks')
    assert.deepEqual(log, [
      'shows 1',
      ...['delivery < endpoint.changed 1', 'second < permit.request delivery'],
      ...['second < permit.withdraw', 'second < permit.request delivery'],
    ])
  })

  it('leaves a flush to the endpoint that serves', async () => {
    const { log } = await heard('asks', 'primary opens', 'primary may be probed', 'asks urgently')
    assert.equal(log.at(-1), 'second < permit.request urgent')
  })

  it('tries each endpoint for a drain, and denies it when all were tried', async () => {
    const { log } = await heard(
      ...(['asks', 'primary opens', 'second opens', 'third opens'] as const),
      ...(['asks urgently', 'primary denies', 'asks urgently, without success so far'] as const),
    )
    assert.equal(log.at(-1), 'third < permit.request urgent')
    const denied = await heard(
      'asks',
      'primary is forced open',
      'second opens',
      'third opens',
      'asks urgently',
    )
    assert.equal(denied.log.at(-1), 'second < permit.request urgent')
  })
})

describe('the tests of the failover chart', () => coversChart(failoverMachine))
