/** A request of the service, as its instruments know it. */
export interface Request {
  readonly id: string
  readonly method: string
  readonly route: string
  readonly user: string
}

/** What a service is instrumented with: both functions give what `work` does. */
export interface Instruments {
  request(request: Request, work: () => Promise<string>): Promise<string>
  query<Row>(request: Request, work: () => Promise<Row>): Promise<Row>
  /** Counts a request, where nothing else is done: `metrics`. */
  count(request: Request): void
  /** Exports what is left, and ends; the requests that the metrics have counted, if there are metrics. */
  stop(): Promise<number | undefined>
}

/**
 * `span`: ours, two `span()`s. `events`: ours, two pairs of events. Either feeds both exporters. `otel`: NodeSDK with two
 * active spans, and prom-client's `inc` and `observe`.
 */
export type Kind = 'bare' | 'span' | 'events' | 'otel'

/** `metrics`: a count event, or `inc`, in a turn of its own, and nothing else. */
export type Signals = 'both' | 'spans' | 'metrics'

export interface Setting {
  readonly kind: Kind
  readonly signals: Signals
  /** The sink of the spans. */
  readonly url: string
}

/** Loads no more than what it needs. */
export async function startInstruments(setting: Setting): Promise<Instruments> {
  switch (setting.kind) {
    case 'bare':
      return bare
    case 'otel':
      return (await import('./with-otel.ts')).startOtel(setting)
    default:
      return (await import('./with-telemachine.ts')).startTelemachine(setting)
  }
}

/** Also what those who only count do with a request. */
export const bare: Instruments = {
  request: (_, work) => work(),
  query: (_, work) => work(),
  count: () => {},
  stop: async () => undefined,
}

/** Several in one process, of which one is in use: what they do is less than what two processes differ by. */
export interface Switched extends Instruments {
  use(kind: Kind): void
}

export async function startSwitched(
  kinds: readonly Kind[],
  setting: Omit<Setting, 'kind'>,
): Promise<Switched> {
  const all = new Map<Kind, Instruments>()
  for (const kind of kinds) all.set(kind, await startInstruments({ ...setting, kind }))
  let current = all.get(kinds[0]!)!
  return {
    use: (kind) => {
      current = all.get(kind)!
    },
    request: (request, work) => current.request(request, work),
    query: (request, work) => current.query(request, work),
    count: (request) => current.count(request),
    stop: async () => {
      const counted = await Promise.all([...all.values()].map((each) => each.stop()))
      return counted.reduce<number | undefined>(
        (sum, each) => (each === undefined ? sum : (sum ?? 0) + each),
        undefined,
      )
    },
  }
}

/** The sum of all series of a metric on a Prometheus page. */
export function sumOf(page: string, name: string): number {
  const lines = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
