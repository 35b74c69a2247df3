/**
 * Regions are packed in rows and columns: each has room for what it needs, none lies on another, and together
 * they fill the whole but for the gaps.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { pack } from '../../visualizations/packing.ts'

const size = fc.record({ width: fc.integer({ min: 1, max: 900 }), height: fc.integer({ min: 1, max: 900 }) })

describe('packing', () => {
  it('gives each box its room, inside the whole and apart from the others', () => {
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 20 }),
        (sizes, gap) => {
          const { width, height, cells } = pack(sizes, gap)
          const slack = 1e-6
          assert.equal(cells.length, sizes.length)
          cells.forEach((cell, index) => {
            assert.ok(cell.width >= (sizes[index]?.width ?? 0) - slack)
            assert.ok(cell.height >= (sizes[index]?.height ?? 0) - slack)
            assert.ok(cell.x >= 0 && cell.y >= 0)
            assert.ok(cell.x + cell.width <= width + slack && cell.y + cell.height <= height + slack)
            for (const other of cells.slice(index + 1))
              assert.ok(
                cell.x + cell.width + gap <= other.x + slack ||
                  other.x + other.width + gap <= cell.x + slack ||
                  cell.y + cell.height + gap <= other.y + slack ||
                  other.y + other.height + gap <= cell.y + slack,
              )
          })
        },
      ),
    )
  })

  it('is nothing for nothing', () => {
    assert.deepEqual(pack([], 10), { width: 0, height: 0, cells: [] })
  })
})
