/**
 * Shell globs with the semantics of Python's `fnmatch.fnmatchcase`: `*` any run, `?` one character, `[seq]`,
 * `[!seq]`, everything else literal; case-sensitive; the whole name must match. A character is a code point.
 * Compiling never throws, for any text; matching never backtracks over more than one `*`.
 */
export function glob(pattern: string): (name: string) => boolean {
  const plain = !special.test(pattern)
  if (plain) return (name) => name === pattern
  if (/^\*+$/.test(pattern)) return () => true

  const body = pattern.replace(/^\*+|\*+$/g, '')
  // A literal that begins or ends with half a surrogate pair could match inside a character of the name.
  if (!special.test(body) && !surrogate.test(body)) {
    const open = pattern.startsWith('*')
    const openEnd = pattern.endsWith('*')
    if (open && openEnd) return (name) => name.includes(body)
    if (open) return (name) => name.endsWith(body)
    return (name) => name.startsWith(body)
  }

  const runs = compile(pattern)
  const shortest = runs.reduce((sum, run) => sum + run.length, 0)
  return (name) => name.length >= shortest && matches(runs, codePoints(name), shortest)
}

const special = /[*?[]/
const surrogate = /[\ud800-\udfff]/

/** One position of a pattern: a code point, any character, or a set. */
type Token = number | typeof anything | CharacterSet
const anything = -1

interface CharacterSet {
  readonly negated: boolean
  /** Inclusive ranges, flattened: `[low, high, low, high, …]`. */
  readonly ranges: readonly number[]
}

/** Tokens between two `*`s. The first run is anchored at the start, the last at the end. */
type Run = readonly Token[]

function codePoints(text: string): number[] {
  const points: number[] = []
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    if (point > 0xffff) i++
    points.push(point)
  }
  return points
}

function compile(pattern: string): Run[] {
  const points = codePoints(pattern)
  const runs: Token[][] = []
  let run: Token[] = []
  const lastClosing = points.lastIndexOf(closing)
  for (let i = 0; i < points.length; i++) {
    const point = points[i]!
    if (point === star) {
      // An inner empty run (`**`) matches anywhere: leaving it out keeps a pattern of stars cheap.
      if (run.length > 0 || runs.length === 0) runs.push(run)
      run = []
    } else if (point === questionMark) run.push(anything)
    else if (point === bracket) {
      const end = i < lastClosing ? endOfSet(points, i + 1) : -1
      if (end < 0) run.push(point)
      else {
        run.push(compileSet(points.slice(i + 1, end)))
        i = end
      }
    } else run.push(point)
  }
  runs.push(run)
  return runs
}

const [star, questionMark, bracket, closing, bang, hyphen] = codePoints('*?[]!-') as [
  number,
  number,
  number,
  number,
  number,
  number,
]

function endOfSet(points: readonly number[], start: number): number {
  let i = start
  if (points[i] === bang) i++
  // A `]` that stands first is a member.
  if (points[i] === closing) i++
  return points.indexOf(closing, i)
}

/**
 * Python splits a set at the hyphens that make ranges, joins the neighbours of an empty range (`[z-a]`), and only
 * then looks whether it begins with `!`; so `[b-a!x]` is negated. Followed to the letter.
 */
function compileSet(text: number[]): CharacterSet {
  const chunks: number[][] = []
  // From right to left, each chunk reversed while it may still grow at its front.
  let right: number[] | undefined
  for (const left of splitAtRanges(text).reverse()) {
    if (right !== undefined && left[left.length - 1]! > right[right.length - 1]!) {
      right.pop()
      for (let i = left.length - 2; i >= 0; i--) right.push(left[i]!)
    } else {
      if (right !== undefined) chunks.push(right.reverse())
      right = left.reverse()
    }
  }
  if (right !== undefined) chunks.push(right.reverse())
  chunks.reverse()

  const negated = chunks[0]![0] === bang
  if (negated) chunks[0] = chunks[0]!.slice(1)
  const ranges: number[] = []
  chunks.forEach((chunk, k) => {
    const previous = chunks[k - 1]
    let first = 0
    if (previous !== undefined) {
      const low = previous[previous.length - 1]
      // No range can begin before this hyphen (`[b-a!-z]`), so it is a member.
      if (low === undefined) ranges.push(hyphen, hyphen)
      else {
        ranges.push(low, chunk[0]!)
        first = 1
      }
    }
    const last = k === chunks.length - 1 ? chunk.length : chunk.length - 1
    for (let i = first; i < last; i++) ranges.push(chunk[i]!, chunk[i]!)
  })
  return { negated, ranges }
}

function splitAtRanges(text: readonly number[]): number[][] {
  const chunks: number[][] = []
  let start = 0
  let from = text[0] === bang ? 2 : 1
  for (;;) {
    const at = text.indexOf(hyphen, from)
    if (at < 0) break
    chunks.push(text.slice(start, at))
    start = at + 1
    from = at + 3
  }
  if (start < text.length) chunks.push(text.slice(start))
  else chunks[chunks.length - 1]!.push(hyphen)
  return chunks
}

function matches(runs: readonly Run[], name: readonly number[], shortest: number): boolean {
  if (name.length < shortest) return false
  const first = runs[0]!
  if (!matchesAt(first, name, 0)) return false
  if (runs.length === 1) return name.length === first.length

  const last = runs[runs.length - 1]!
  const end = name.length - last.length
  if (!matchesAt(last, name, end)) return false
  let position = first.length
  for (let k = 1; k < runs.length - 1; k++) {
    const run = runs[k]!
    // The leftmost place is as good as any: what follows begins with a `*`.
    while (position + run.length <= end && !matchesAt(run, name, position)) position++
    if (position + run.length > end) return false
    position += run.length
  }
  return position <= end
}

function matchesAt(run: Run, name: readonly number[], position: number): boolean {
  for (let i = 0; i < run.length; i++) if (!matchesToken(run[i]!, name[position + i]!)) return false
  return true
}

function matchesToken(token: Token, point: number): boolean {
  if (typeof token === 'number') return token === anything || token === point
  const { ranges } = token
  for (let i = 0; i < ranges.length; i += 2)
    if (ranges[i]! <= point && point <= ranges[i + 1]!) return !token.negated
  return token.negated
}
