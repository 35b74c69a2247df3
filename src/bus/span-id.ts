import { randomFillSync } from 'node:crypto'

// Random bytes are cheap by the kilobyte and expensive by the dozen; so is their hex text.
const pool = Buffer.allocUnsafeSlow(8192)
const view = new DataView(pool.buffer, pool.byteOffset, pool.length)
const idBytes = 8
/** The texts of the ids of a block are slices of one text, which the longest-living of them keeps in memory. */
const blockBytes = 256

let next = pool.length
let block = -1
let blockText = ''

/** The words of the id that {@link drawSpanId} drew last, as signed 32-bit integers. */
export const drawnId = { high: 0, low: 0 }

/** Draws a random span id that is not zero. */
export function drawSpanId(): void {
  do {
    if (next === pool.length) {
      randomFillSync(pool)
      next = 0
      block = -1
    }
    drawnId.high = view.getInt32(next)
    drawnId.low = view.getInt32(next + 4)
    next += idBytes
  } while ((drawnId.high | drawnId.low) === 0)
}

/** The hex text of the id that was drawn last. */
export function drawnText(): string {
  const at = next - idBytes
  const start = at - (at % blockBytes)
  if (block !== start) {
    block = start
    blockText = pool.toString('hex', start, start + blockBytes)
  }
  return blockText.slice((at - start) * 2, (at - start + idBytes) * 2)
}
