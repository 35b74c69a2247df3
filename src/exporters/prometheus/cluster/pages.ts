import type { Registry } from 'prom-client'
import type { Census } from '../../../cluster/group-contract.ts'
import { boundText, type Format, type Labels, labelsIn } from '../names.ts'
import { healthNames, healthOf } from '../page/health.ts'
import { encodePage, type Page, type PageForm, type Slices } from '../page/page.ts'
import { fixedLabels } from '../page/registry.ts'
import { endOfOpenMetrics, type PlainFamily, renderFamilies, renderPlain } from '../page/render.ts'
import { withFixed } from '../page/source.ts'
import type { PlainGauges } from './gauges.ts'
import type { PlainTotals, Totals } from './totals.ts'

/** Renders the page of all processes and threads of a group. It has no exemplars. */
export interface TotalsPageOptions {
  readonly registry: () => Registry
  /** Whether telemachine's own health is to be on it. */
  readonly showsHealth: () => boolean
  readonly slice: Slices
}

const isHealth = new Set(healthNames)

export function createTotalsRenderer({ registry, showsHealth, slice }: TotalsPageOptions) {
  function* pieces(format: Format, fixed: Labels, totals: Totals, census: Census): Generator<string> {
    const families = totals.families()
    yield* renderFamilies(families, format, fixed)
    const health: PlainFamily[] = []
    for (const one of [...totals.plain.values(), ...totals.gauges.plain().values()]) {
      const family = plainFamily(one, format)
      if (isHealth.has(family.name)) health.push(family)
      else yield* renderPlain(family, format)
    }
    if (showsHealth()) {
      const own = { families, totals: totals.totals, members: census.members, late: census.late.length }
      for (const one of [...health, ...healthOf(undefined, own)])
        yield* renderPlain(withFixed(one, fixed), format)
    }
    if (format === 'openmetrics') yield endOfOpenMetrics
  }

  return (form: PageForm, totals: Totals, census: Census): Promise<Page> =>
    encodePage(form, pieces(form.format, fixedLabels(registry()), totals, census), slice)
}

function plainFamily({ name, type, help, samples }: PlainTotals | PlainGauges, format: Format): PlainFamily {
  const isHistogram = type === 'histogram'
  return {
    ...{ name, help, type: type as PlainFamily['type'] },
    samples: Array.from(samples, ([text, value]) => {
      const brace = text.indexOf('{')
      const labels = labelsIn(text.slice(brace + 1))
      return {
        ...{ suffix: text.slice(0, brace), value },
        labels: isHistogram ? labels.map((label) => canonical(label, format)) : labels,
      }
    }),
  }
}

/** Bounds are reported as the text format has them. */
const canonical = ([name, value]: Labels[number], format: Format): Labels[number] =>
  name === 'le' && value !== '+Inf' ? [name, boundText(Number(value), format)] : [name, value]
