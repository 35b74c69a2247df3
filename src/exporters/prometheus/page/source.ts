import type { Clock } from '../../../clock.ts'
import { messageOf } from '../../../errors.ts'
import type { Logger } from '../../../logger.ts'
import { settledWithin } from '../../../waiting.ts'
import type { State } from '../aggregate/state.ts'
import type { Format, Labels } from '../names.ts'
import type { PrometheusConfig } from '../settings.ts'
import { healthOf } from './health.ts'
import { encodePage, type Page, type PageForm, type Slices } from './page.ts'
import { collectForeign, fixedLabels, join, showDefaultMetrics } from './registry.ts'
import type { PlainFamily } from './render.ts'
import { endOfOpenMetrics, renderFamilies, renderPlain } from './render.ts'

/** The contents of a page: our metrics, the other metrics in the registry, and telemachine's health. */
export interface PageSource {
  readonly state: State
  readonly promClient: typeof import('prom-client')
  readonly clock: Clock
  readonly logger: Logger
  readonly current: () => Pick<PrometheusConfig, 'health' | 'default_metrics' | 'exemplars'>
  readonly catchUp: () => void
  readonly status: () => unknown
  readonly slice: Slices
}

/** How long the next rendering waits for the one before it: a collector of the application may never settle. */
const patienceMs = 10_000

/**
 * Renders one page at a time. Requests that come while one is rendered share the next: it has every event that was
 * emitted before them, and a hundred scrapes cost no more than two.
 */
export function oneAtATime(
  clock: Clock,
  render: (form: PageForm) => Promise<Page>,
): (form: PageForm) => Promise<Page> {
  const awaited = new Map<string, Promise<Page>>()
  let last: Promise<unknown> = Promise.resolve()

  return (form) => {
    const key = `${form.format} ${form.gzip}`
    const known = awaited.get(key)
    if (known) return known
    const page = last.then(() => {
      awaited.delete(key)
      return render(form)
    })
    awaited.set(key, page)
    last = settledWithin(clock, patienceMs, page)
    return page
  }
}

/**
 * Returns what renders the page of this process alone. Its promises reject only when the registry fails, for example
 * because a collector of the application throws.
 */
export function createRenderer(source: PageSource): (form: PageForm) => Promise<Page> {
  const { state, logger, current, catchUp, status, slice } = source
  const collect = createCollector(source)

  const attempt = <T>(what: string, fn: () => T): T | undefined => {
    try {
      return fn()
    } catch (thrown) {
      logger.warn({ error: messageOf(thrown) }, what)
      return undefined
    }
  }

  function* pieces(format: Format, fixed: Labels, foreign: readonly PlainFamily[]): Generator<string> {
    const exemplars = format === 'openmetrics' && current().exemplars ? state.exemplars : undefined
    yield* renderFamilies(state.families, format, fixed, exemplars)
    for (const family of foreign) yield* renderPlain(family, format)
    if (current().health !== false) {
      const health = healthOf(attempt('the status could not be read', status), state)
      for (const family of health) yield* renderPlain(withFixed(family, fixed), format)
    }
    if (format === 'openmetrics') yield endOfOpenMetrics
  }

  return async (form) => {
    const { format } = form
    const foreign = await collect(format)
    // After everything asynchronous, so that the page has every event emitted before it.
    attempt('the events before a scrape could not be taken in', catchUp)
    return encodePage(form, pieces(format, fixedLabels(state.registry!), foreign), slice)
  }
}

/** Returns what collects the metrics of others in the registry. Rejects when one of them cannot be collected. */
export function createCollector(source: PageSource): (format: Format) => Promise<readonly PlainFamily[]> {
  const { state, promClient, logger, current, slice } = source
  let reported = ''
  return async (format) => {
    const registry = state.registry!
    join(state, registry)
    showDefaultMetrics(state, promClient, current().default_metrics === true)
    const foreign = await collectForeign(state, registry, format, slice)
    state.conflicts = foreign.conflicts
    const conflicts = foreign.conflicts.join(' ')
    if (conflicts !== reported) {
      reported = conflicts
      if (conflicts)
        logger.warn(
          { metrics: foreign.conflicts },
          'metrics are left off the page, because other metrics have their names',
        )
    }
    return foreign.families
  }
}

/** Adds labels to every sample that has none of their names. */
export const withFixed = (family: PlainFamily, fixed: Labels): PlainFamily =>
  fixed.length === 0
    ? family
    : {
        ...family,
        samples: Array.from(family.samples, (sample) => ({
          ...sample,
          labels: [...new Map([...fixed, ...sample.labels])],
        })),
      }
