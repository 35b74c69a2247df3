/**
 * Any machine can be drawn, not only ours: names that mean something to XML or Mermaid, parallel roots, lines out
 * of and between regions, several targets, history, transitions to an ancestor and to oneself.
 */
import assert from 'node:assert/strict'
import { type AnyStateMachine, type AnyStateNode, and, createMachine, not } from 'xstate'
import { chartOf, statesOf } from '../../visualizations/chart.ts'
import { columns, machines as ours } from '../../visualizations/generate.ts'
import { place } from '../../visualizations/layout.ts'
import { mermaidOf } from '../../visualizations/mermaid.ts'
import type { Point, Rectangle } from '../../visualizations/picture.ts'
import { svgOf } from '../../visualizations/svg.ts'

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [
  node,
  ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode)),
]

const odd = createMachine({
  id: 'odd',
  type: 'parallel',
  on: { both: { target: ['.left.two', '.right.b'] } },
  states: {
    left: {
      initial: 'one',
      states: {
        one: { on: { go: 'two', '<&">': { target: 'two', guard: and(['g', not('h')]) } } },
        two: { on: { across: '#odd.right.b', up: '#odd.left', again: { target: 'two', reenter: true } } },
        past: { type: 'history' },
      },
    },
    right: {
      initial: 'a',
      states: {
        a: {
          type: 'parallel',
          states: { p: {}, q: { initial: 'r', states: { r: { on: { out: '#odd.right.b' } } } } },
        },
        b: { on: { back: ['a', { target: 'a', actions: () => {} }] } },
      },
    },
  },
})

const machines: Record<string, AnyStateMachine> = {
  odd,
  'a single state': createMachine({ id: 'single' }),
  'strange names': createMachine({
    id: 'strange',
    initial: 'a<b>&"c"',
    states: { 'a<b>&"c"': { on: { 'x:y;z#': 'two words' } }, 'two words': { after: { 1000: 'a<b>&"c"' } } },
  }),
}

/** Whether a line of horizontal and vertical pieces passes through the inside of a rectangle. */
const crosses = (points: readonly Point[], { x, y, width, height }: Rectangle): boolean =>
  points.slice(1).some((to, index) => {
    const from = points[index] ?? to
    return (
      Math.min(from.x, to.x) < x + width - 1 &&
      Math.max(from.x, to.x) > x + 1 &&
      Math.min(from.y, to.y) < y + height - 1 &&
      Math.max(from.y, to.y) > y + 1
    )
  })

describe('drawing a machine', () => {
  for (const [name, machine] of Object.entries({ ...ours, odd }))
    it(`leads no line of the ${name} chart through a label or a leaf`, async () => {
      const { states, edges, starts } = await place(chartOf(machine), columns[name])
      const leaves = states.filter(({ state }) => state.states.length === 0)
      const labels = edges.flatMap(({ label }) => label ?? [])
      for (const { points } of [...edges, ...starts]) {
        for (const label of labels) assert.ok(!crosses(points, label))
        for (const leaf of leaves) assert.ok(!crosses(points, leaf), leaf.state.id)
      }
    })

  for (const [name, machine] of Object.entries(machines))
    it(`draws ${name}: each state in a box, each line somewhere`, async () => {
      const chart = chartOf(machine)
      const picture = await place(chart)
      const ids = nodesOf(machine.root).map(({ id }) => id)
      assert.deepEqual(
        statesOf(chart.root).map(({ id }) => id),
        ids,
      )
      assert.deepEqual(picture.states.map(({ state }) => state.id).sort(), ids.sort())
      for (const { width, height } of picture.states) assert.ok(width > 0 && height > 0)
      for (const { points } of [...picture.edges, ...picture.starts]) assert.ok(points.length >= 2)
      const svg = svgOf(name, picture)
      assert.doesNotMatch(svg, /NaN|undefined/)
      assert.doesNotMatch(svg.replaceAll(/&(amp|lt|gt|quot);/g, ''), /&/)
      assert.doesNotMatch(svg, /<b>/)
      assert.doesNotMatch(mermaidOf(chart), /state "[^"]*"[^"]*" as/)
    })

  it('keeps every transition: as a line, or as a rule in a box', () => {
    const { root, edges } = chartOf(odd)
    const lines = edges.flatMap(({ from, to, steps }) =>
      steps.map(({ trigger }) => `${trigger}: ${from} > ${to}`),
    )
    assert.ok(lines.includes('across: odd.left.two > odd.right.b'))
    assert.ok(lines.includes('up: odd.left.two > odd.left'))
    const rules = statesOf(root).flatMap(({ id, rules }) =>
      rules.map(({ trigger, to }) => `${trigger}: ${id} > ${to}`),
    )
    assert.deepEqual(rules, [
      'both: odd > odd.left.two',
      'both: odd > odd.right.b',
      'again: odd.left.two > odd.left.two',
    ])
  })

  it('names composed guards', () => {
    const { edges } = chartOf(odd)
    const steps = edges.flatMap(({ steps }) => steps)
    assert.equal(steps.find(({ trigger }) => trigger === '<&">')?.guard, 'g and not h')
  })
})
