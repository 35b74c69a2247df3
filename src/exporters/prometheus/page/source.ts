import { messageOf } from '../../../errors.ts'
import type { Logger } from '../../../logger.ts'
import type { Config } from '../../exporter.ts'
import type { State } from '../aggregate/state.ts'
import type { Format } from '../names.ts'
import { healthOf } from './health.ts'
import { collectForeign, fixedLabels, join, showDefaultMetrics } from './registry.ts'
import type { Labels, PlainFamily } from './render.ts'
import { endOfOpenMetrics, renderFamilies, renderPlain } from './render.ts'

/** Puts the page together: ours, what else is in the registry, and telemachine's health. */
export interface PageSource {
  readonly state: State
  readonly promClient: typeof import('prom-client')
  readonly logger: Logger
  readonly current: () => Config
  readonly catchUp: () => void
  readonly status: () => unknown
}

/** The page rejects only when the registry itself fails: a collector of the user's that throws, say. */
export function createPage(source: PageSource): (format: Format) => Promise<string> {
  const { state, promClient, logger, current, catchUp, status } = source
  const render = rememberedFamilies(state)
  let reported = ''

  const attempt = <T>(what: string, fn: () => T): T | undefined => {
    try {
      return fn()
    } catch (thrown) {
      logger.warn({ error: messageOf(thrown) }, what)
      return undefined
    }
  }

  return async (format) => {
    const registry = state.registry!
    join(state, registry)
    showDefaultMetrics(state, promClient, current().default_metrics === true)
    const foreign = await collectForeign(state, registry, format)
    state.conflicts = foreign.conflicts
    const conflicts = foreign.conflicts.join(' ')
    if (conflicts !== reported) {
      reported = conflicts
      if (conflicts)
        logger.warn({ metrics: foreign.conflicts }, 'metrics left off the page: their names are taken')
    }
    // After everything asynchronous, so that the page has every event emitted before it.
    attempt('the events before a scrape could not be taken in', catchUp)
    const fixed = fixedLabels(registry)
    let page = render(format, fixed)
    for (const family of foreign.families) page += renderPlain(family, format)
    if (current().health !== false) {
      const health = healthOf(attempt('the status could not be read', status), state)
      for (const family of health) page += renderPlain(withFixed(family, fixed), format)
    }
    return format === 'openmetrics' ? page + endOfOpenMetrics : page
  }
}

const withFixed = (family: PlainFamily, fixed: Labels): PlainFamily =>
  fixed.length === 0
    ? family
    : {
        ...family,
        samples: family.samples.map((sample) => ({
          ...sample,
          labels: [...new Map([...fixed, ...sample.labels])],
        })),
      }

/** Our families as text, built anew only when something changed. */
function rememberedFamilies(state: State): (format: Format, fixed: Labels) => string {
  let last: { format: Format; fixed: string; revision: number; text: string } | undefined
  return (format, fixed) => {
    const key = JSON.stringify(fixed)
    if (last?.format === format && last.fixed === key && last.revision === state.revision) return last.text
    const text = renderFamilies(state.families, format, fixed)
    last = { format, fixed: key, revision: state.revision, text }
    return text
  }
}
