// docs/top.svg is what `telemachine top` shows: drawn from the command's own renderer, and not of an earlier version.
import assert from 'node:assert/strict'
import { terminalSvg } from '../../docs/terminal-svg.ts'
import { drawTop, readTop } from '../../docs/top-picture.ts'

describe('the picture of telemachine top', () => {
  it('is fresh (npx tsx docs/top-picture.ts)', () => assert.equal(readTop(), drawTop()))

  it('shows the exporter in trouble first, in the colours of the command', () => {
    const texts = [...drawTop().matchAll(/<text [^>]*fill="([^"]+)"[^>]*>([^<]+)</g)].map(
      ([, fill, text]) => ({
        fill,
        text: text!,
      }),
    )
    const place = (pattern: RegExp) => texts.findIndex(({ text }) => pattern.test(text))
    assert.ok(place(/^otel_eu$/) > 0 && place(/^otel_eu$/) < place(/^datadog$/))
    assert.equal(texts[place(/^open$/)]?.fill, '#ff7b72')
    assert.equal(texts[place(/^serving$/)]?.fill, '#7ee787')
    assert.match(texts[place(/last error/)]?.text ?? '', /ECONNREFUSED/)
  })
})

describe('terminalSvg', () => {
  it('puts each group of words at its column, and escapes what XML would read', () => {
    const svg = terminalSvg(['a  \x1b[31m<b> & c\x1b[39m'], 20, 'A & B')
    assert.match(svg, /<title>A &amp; B<\/title>/)
    const [first, second] = [...svg.matchAll(/<text x="([\d.]+)"[^>]*>([^<]*)<\/text>/g)]
    assert.equal(first?.[2], 'a')
    assert.equal(second?.[2], '&lt;b&gt; &amp; c')
    assert.ok(Math.abs(Number(second?.[1]) - Number(first?.[1]) - 3 * 8.4) < 0.1)
  })

  it('refuses an escape sequence that it cannot draw', () => {
    assert.throws(() => terminalSvg(['\x1b[45mx'], 20, 'x'), /escape sequence 45/)
  })
})
