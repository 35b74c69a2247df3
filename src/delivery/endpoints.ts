import type { AnyExporterDefinition, Config } from '../exporters/exporter.ts'

/** Counters of the events that one endpoint has taken from an exporter. */
export interface Tally {
  delivered: number
  /** Events that may have arrived although they were sent again, or dropped. */
  ambiguous: number
}

/** An endpoint of the configuration in force, and what it has taken. */
export interface EndpointTally extends Readonly<Tally> {
  readonly url: string
}

/** The tallies of the endpoints that an exporter has had. */
export interface Tallies {
  of(url: string): Tally
}

/** An endpoint of an exporter: its URL, and the configuration that its client is opened with. */
export interface Endpoint {
  readonly url: string
  readonly config: Config
}

/** Tallies kept; those of endpoints that were configured longest ago are forgotten. */
const maxTallies = 64

type Declared = Pick<AnyExporterDefinition, 'schema'>

const known = new WeakMap<Config, readonly Endpoint[]>()

/**
 * The endpoints that a configuration lists, in a key that is declared to stand instead of another one: in the
 * configuration of each of them, that other key is its URL. With one endpoint it is the configuration itself.
 */
export function endpointsOf({ schema }: Declared, config: Config): readonly Endpoint[] {
  let endpoints = known.get(config)
  if (endpoints === undefined) {
    endpoints = [{ url: '', config }]
    for (const [name, { insteadOf }] of Object.entries(schema)) {
      const urls = config[name]
      if (insteadOf === undefined || !Array.isArray(urls)) continue
      endpoints = urls.map((url) => ({ url, config: Object.freeze({ ...config, [insteadOf]: url }) }))
    }
    known.set(config, endpoints)
  }
  return endpoints
}

/** The configuration of one endpoint. */
export const endpointConfig = (definition: Declared, config: Config, endpoint: number): Config =>
  endpointsOf(definition, config)[endpoint]?.config ?? config

export function createTallies(): Tallies {
  const tallies = new Map<string, Tally>()
  return {
    of(url) {
      const tally = tallies.get(url) ?? { delivered: 0, ambiguous: 0 }
      tallies.delete(url)
      tallies.set(url, tally)
      const [oldest] = tallies.keys()
      if (tallies.size > maxTallies && oldest !== undefined) tallies.delete(oldest)
      return tally
    },
  }
}
