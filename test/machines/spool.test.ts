/** The spool's chart: when files may be written, and what a disk in trouble changes. */
import assert from 'node:assert/strict'
import { spoolMachine } from '../../machines/index.ts'
import { spoolChart, stageSpool } from './stages/spool.ts'
import { coversChart, followTable } from './table.ts'

const closes = ['closing', 'shows closing', 'starts close'] as const
const forbids = ['spool.forbid', ...closes.slice(1)] as const
const opens = ['opening', 'shows opening', 'starts open'] as const

describe('the spool chart', () => {
  followTable(spoolChart, {
    off: { 'is enabled': opens },
    opening: {
      'is disabled': ['closing', 'aborts open', 'shows closing', 'starts close'],
      opens: ['ready', 'spool.allow', 'shows ready'],
      'opens, full': ['full', 'shows full'],
      'cannot open': ['failing, 1 failed', 'spool.noteError Error: open failed', 'shows failing'],
    },
    ready: {
      'is disabled': ['closing', ...forbids],
      'is filled': ['full', 'spool.forbid', 'shows full'],
      fails: ['failing, 1 failed', 'spool.forbid', 'spool.noteError EIO', 'shows failing'],
    },
    'ready, 1 failed': {
      'is disabled': ['closing, 1 failed', ...forbids],
      'has written': ['ready'],
      'is filled': ['full, 1 failed', 'spool.forbid', 'shows full'],
      fails: ['failing, 2 failed', 'spool.forbid', 'spool.noteError EIO', 'shows failing'],
    },
    full: {
      'is disabled': closes,
      'is freed': ['ready', 'spool.allow', 'shows ready'],
      fails: ['failing, 1 failed', 'spool.noteError EIO', 'shows failing'],
    },
    'failing, 1 failed': {
      'is disabled': ['closing, 1 failed', ...closes.slice(1)],
      'time passes': ['opening, 1 failed', ...opens.slice(1)],
    },
    closing: {
      'is enabled': ['closing, to be opened again'],
      closes: ['off', 'shows off'],
      'cannot close': ['off', 'spool.noteError Error: close failed', 'shows off'],
    },
    'closing, to be opened again': {
      'is disabled': ['closing'],
      closes: opens,
      'cannot close': ['opening', 'spool.noteError Error: close failed', ...opens.slice(1)],
    },
  })

  it('tries a disk that keeps failing again after 1, 2, 4 and at most 30 seconds', async () => {
    const { clock, commands } = stageSpool()
    commands['is enabled']()
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      await commands['cannot open']()
      assert.equal(clock.nextTimerIn, seconds * 1000)
      commands['time passes']()
    }
  })

  coversChart(spoolMachine)
})
