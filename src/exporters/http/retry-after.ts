const longestWaitSeconds = 300

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const time = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'

/** The three date formats of RFC 9110, 5.6.7. Date.parse would also accept many invalid dates. */
const dates = [
  new RegExp(`^${day}, (?<date>\\d\\d) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^[A-Z][a-z]+day, (?<date>\\d\\d)-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${time} GMT$`),
  new RegExp(`^${day} (?<month>[A-Z][a-z]{2}) (?<date>[ \\d]\\d) ${time} (?<year>\\d{4})$`),
]

/**
 * Seconds to wait by a Retry-After header, in seconds or as an HTTP date, at most 300.
 * Undefined for none, `0`, a time that has passed, and anything malformed: then our own backoff decides.
 * `now` is epoch milliseconds.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : (parseHttpDate(text, now) - now) / 1000
  return seconds > 0 ? Math.min(seconds, longestWaitSeconds) : undefined
}

function parseHttpDate(text: string, now: number): number {
  for (const form of dates) {
    const parts = form.exec(text)?.groups
    if (parts === undefined) continue
    const month = months.indexOf(parts.month!)
    const date = Number(parts.date)
    const [hour, minute, second] = [Number(parts.hour), Number(parts.minute), Number(parts.second)]
    if (month < 0 || date < 1 || date > 31 || hour > 23 || minute > 59 || second > 60) return Number.NaN
    return Date.UTC(fullYear(parts.year!, now), month, date, hour, minute, second)
  }
  return Number.NaN
}

/** RFC 9110: a two-digit year more than 50 years ahead is the one in the past. */
function fullYear(digits: string, now: number): number {
  if (digits.length === 4) return Number(digits)
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(digits)
  return year > thisYear + 50 ? year - 100 : year
}
