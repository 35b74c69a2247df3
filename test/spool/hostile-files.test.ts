/** Whatever happens to the files of a spool costs what was in them and no more, is counted exactly, and stops nothing. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { assertExact } from '../support/ledger.ts'
import { createPlatter } from '../support/memory-disk.ts'
import { endSimulated } from '../support/simulated-telemetry.ts'
import { beginLife, directory, spoolFiles, weightIn } from './stage.ts'

const nightly = process.env.TELEMACHINE_NIGHTLY === '1'

/** What happens to a file; `at` is a place in it, or in its name, from 0 to 1. */
interface Harm {
  readonly type: 'none' | 'bit flipped' | 'truncated' | 'lengthened' | 'zeroed' | 'renamed' | 'removed'
  readonly at: number
}

const harm: fc.Arbitrary<Harm> = fc.record({
  type: fc.constantFrom<Harm['type']>(
    ...(['none', 'none', 'bit flipped', 'truncated', 'lengthened', 'zeroed', 'renamed', 'removed'] as const),
  ),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
})

function harmed(content: Buffer, { type, at }: Harm): Buffer {
  const place = Math.floor(at * content.length)
  if (type === 'truncated') return content.subarray(0, place)
  if (type === 'lengthened') return Buffer.concat([content, Buffer.alloc(1 + place)])
  const copy = Buffer.from(content)
  if (type === 'zeroed') copy.fill(0, place)
  if (type === 'bit flipped') copy[place] = copy[place]! ^ (1 << (place % 8))
  return copy
}

describe('files of a spool that somebody else has changed', function () {
  this.timeout(nightly ? 1_800_000 : 300_000)
  afterEach(endSimulated)

  it('cost exactly what was in them, while the others and what is fresh are delivered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(harm, { minLength: 8, maxLength: 8 }), async (harms) => {
        const platter = createPlatter()
        const first = await beginLife(platter, { mode: 'always' })
        first.goesDown()
        await first.load(12)
        first.disk.kill()

        let restored = 0
        let corrupt = 0
        let foreign = 0
        for (const [i, path] of spoolFiles(platter).entries()) {
          const one = harms[i] ?? { type: 'none', at: 0 }
          const content = platter.files.get(path)!
          const weight = weightIn(path)
          if (one.type === 'renamed' || one.type === 'removed') platter.files.delete(path)
          if (one.type === 'renamed') {
            // One character of the name is another: it is no name of ours.
            const name = path.slice(directory.length + 1)
            const place = Math.floor(one.at * name.length)
            const other = name[place] === '7' ? '8' : '7'
            platter.files.set(`${directory}/${name.slice(0, place)}${other}${name.slice(place + 1)}`, content)
            foreign += 1
          }
          if (one.type === 'renamed' || one.type === 'removed') continue
          const after = harmed(content, one)
          platter.files.set(path, after)
          restored += weight
          if (!after.equals(content)) corrupt += weight
        }

        const second = await beginLife(platter, { mode: 'always' })
        await second.load(5, 12)
        await second.pass(60)
        const ledger = second.ledger()
        assertExact(ledger)
        assert.equal(second.spool().foreign, foreign)
        assert.equal(ledger.restored, restored)
        assert.equal(ledger.dropped.spool_corrupt ?? 0, corrupt)
        assert.equal(ledger.delivered, restored - corrupt + 50)
        await endSimulated()
      }),
      { numRuns: nightly ? 1000 : 20 },
    )
  })
})
