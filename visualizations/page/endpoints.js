import { createChart } from './chart.js'
import { h, words } from './dom.js'

/**
 * Which of several endpoints serves, and whose breakers are not closed; empty with one endpoint.
 * @param {{ serves: boolean, breaker: string }[]} [endpoints]
 */
export function endpointsInWords(endpoints = []) {
  if (endpoints.length === 0) return ''
  const serving = endpoints.findIndex(({ serves }) => serves)
  const troubled = endpoints.flatMap(({ breaker }, endpoint) =>
    breaker === 'closed' ? [] : [`endpoint ${endpoint} ${words(breaker)}`],
  )
  return [serving < 0 ? 'no endpoint serves' : `endpoint ${serving} serves`, ...troubled].join(', ')
}

/**
 * What a card shows of an exporter's endpoints: their breakers and the commands for them; with several endpoints also
 * the chart that chooses among them.
 * @param {string} id
 * @param {(label: string, path: string, what: string) => any} button makes the button of a command
 */
export function createEndpoints(id, button) {
  const charts = h('div', { className: 'charts endpoints' })
  const buttons = h('div', { className: 'endpoint-buttons' })
  /** @type {ReturnType<typeof createChart>[]} */
  let breakers = []
  /** @type {ReturnType<typeof createChart> | undefined} */
  let failover

  /** @param {number} endpoint @param {boolean} several */
  function group(endpoint, several) {
    const whose = several ? `the breaker of endpoint ${endpoint} of` : 'the breaker of'
    const query = several ? `?endpoint=${endpoint}` : ''
    const name = several ? `Breaker of endpoint ${endpoint} of ${id}` : `Breaker of ${id}`
    return h(
      'div',
      { className: 'buttons', role: 'group', 'aria-label': name },
      h('span', { className: 'quiet', 'aria-hidden': 'true' }, several ? `breaker ${endpoint}` : 'breaker'),
      button('Force open', `breakers/${id}/force-open${query}`, `Force open ${whose}`),
      button('Disable', `breakers/${id}/disable${query}`, `Disable ${whose}`),
      button('Reset', `breakers/${id}/reset${query}`, `Reset ${whose}`),
    )
  }

  /** Makes what this many endpoints need. @param {number} count */
  function arrange(count) {
    if (breakers.length === count) return
    const several = count > 1
    breakers = Array.from({ length: count }, (_, endpoint) =>
      createChart('breaker', {
        title: several ? `${id}: breaker of endpoint ${endpoint}` : `${id}: breaker`,
      }),
    )
    failover = several ? createChart('failover', { title: `${id}: failover` }) : undefined
    const shown = failover ? [failover, ...breakers] : breakers
    charts.replaceChildren(...shown.map(({ element }) => element))
    buttons.replaceChildren(...breakers.map((_, endpoint) => group(endpoint, several)))
  }

  arrange(1)
  return {
    charts,
    buttons,
    /** @param {any} status with `charts`, the state values of its machines */
    update({ pulled, endpoints, charts: values }) {
      // What is pulled sends nothing: its breaker never acts.
      buttons.hidden = charts.hidden = pulled
      arrange(endpoints?.length ?? 1)
      if (!values) return
      failover?.light(values.failover)
      for (const [endpoint, chart] of breakers.entries())
        chart.light(values.breakers?.[endpoint] ?? values.breaker)
    },
    /** A state of a breaker that may be over again. @param {string} place @param {number} [endpoint] */
    recall(place, endpoint = 0) {
      breakers[endpoint]?.recall(place)
    },
  }
}
