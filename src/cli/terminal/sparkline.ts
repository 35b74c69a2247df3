const bars = '▁▂▃▄▅▆▇█'

/** The last values as bars of one character each, the highest one full. Nothing at all is the lowest bar. */
export function sparkline(values: readonly number[], width: number): string {
  const last = width > 0 ? values.slice(-width) : []
  const highest = Math.max(0, ...last)
  return last
    .map((value) => bars[highest === 0 ? 0 : Math.round((Math.max(0, value) / highest) * (bars.length - 1))])
    .join('')
}

const units = ['', 'k', 'M', 'G', 'T']

/** A count in at most five characters: 999, 1.2k, 120k, 3.4M. */
export function shortNumber(value: number): string {
  let [scaled, unit] = [value, 0]
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000
    unit += 1
  }
  const digits = scaled > 0 && scaled < 9.95 && (unit > 0 || !Number.isInteger(scaled)) ? 1 : 0
  return `${scaled.toFixed(digits)}${units[unit]}`
}
