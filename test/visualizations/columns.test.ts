/**
 * Boxes in columns: each stands in its column, none lies on another, every line leads from border to border around the
 * boxes, and what has no place is refused.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Columns, layInColumns } from '../../visualizations/columns.ts'
import type { Link, Node } from '../../visualizations/elk.ts'
import type { Point, Rectangle } from '../../visualizations/picture.ts'

const boxOf = (id: string, width: number, height: number, isInitial = false): Node => ({
  id: `root.${id}`,
  width,
  height,
  children: [],
  isInitial,
})
const rootOf = (children: readonly Node[]): Node => ({ id: 'root', width: 80, height: 40, children })
const linkOf = (from: string, to: string, ...lines: string[]): Link => ({
  id: `${from} > ${to}`,
  from: `root.${from}`,
  to: `root.${to}`,
  lines,
})

const meet = (a: Rectangle, b: Rectangle): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

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

const isOnBorder = ({ x, y }: Point, box: Rectangle): boolean => {
  const within = x >= box.x - 1 && x <= box.x + box.width + 1 && y >= box.y - 1 && y <= box.y + box.height + 1
  const inside = x > box.x + 1 && x < box.x + box.width - 1 && y > box.y + 1 && y < box.y + box.height - 1
  return within && !inside
}

/** Up to three columns of up to four boxes, and lines between some that are not further apart than one column. */
const drawing = fc
  .array(
    fc.array(
      fc.record({ width: fc.integer({ min: 40, max: 300 }), height: fc.integer({ min: 26, max: 300 }) }),
      { minLength: 1, maxLength: 4 },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .chain((sizes) => {
    const columns: Columns = sizes.map((column, at) => column.map((_, row) => `${'abc'[at]}${row}`))
    const nodes = sizes.flatMap((column, at) =>
      column.map(({ width, height }, row) =>
        boxOf(`${'abc'[at]}${row}`, width, height, at === 0 && row === 0),
      ),
    )
    const pairs = columns.flatMap((column, at) =>
      column.flatMap((from) =>
        [...column, ...(columns[at + 1] ?? []), ...(columns[at - 1] ?? [])]
          .filter((to) => to !== from)
          .map((to) => linkOf(from, to, `${from} to`, to)),
      ),
    )
    return fc.record({
      columns: fc.constant(columns),
      nodes: fc.constant(nodes),
      links: fc.subarray(pairs, { maxLength: Math.min(5, pairs.length) }),
    })
  })

describe('boxes in columns', () => {
  it('stand side by side, and lines lead from border to border around them', () => {
    fc.assert(
      fc.property(drawing, ({ columns, nodes, links }) => {
        const placement = layInColumns(rootOf(nodes), links, columns)
        const boxes = nodes.map(({ id }) => ({ id, ...placement.node(id) }))
        boxes.forEach((box, index) => {
          assert.ok(box.x >= 0 && box.x + box.width <= placement.width)
          assert.ok(box.y >= 0 && box.y + box.height <= placement.height)
          for (const other of boxes.slice(index + 1)) assert.ok(!meet(box, other), `${box.id} on ${other.id}`)
        })
        for (const { id, from, to } of links) {
          const { points } = placement.link(id)
          assert.ok(points.length >= 2, id)
          assert.ok(isOnBorder(points[0] as Point, placement.node(from)), `${id} begins at its box`)
          assert.ok(isOnBorder(points.at(-1) as Point, placement.node(to)), `${id} ends at its box`)
          for (const box of boxes) assert.ok(!crosses(points, box), `${id} through ${box.id}`)
        }
      }),
    )
  })

  it('refuse a box without a column, and a line that would cross one', () => {
    const nodes = ['a', 'b', 'c'].map((id) => boxOf(id, 50, 30))
    assert.throws(() => layInColumns(rootOf(nodes), [], [['a'], ['b']]), /root\.c has no place/)
    assert.throws(
      () => layInColumns(rootOf(nodes), [linkOf('a', 'c')], [['a'], ['b'], ['c']]),
      /cross a column/,
    )
  })
})
