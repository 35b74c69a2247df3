import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Totals } from './hub.ts'
import type { Shipping, Source } from './reporter.ts'
import type { Role } from './role.ts'

/**
 * The processes and threads that serve one page: each reports what it has summed up, and one of them, the hub, adds the
 * reports up. When the hub dies another one takes over what was reported to it.
 */
export interface Group<Form> {
  readonly role: Role
  /** Finds the others. Rejects only with what `serve` rejects with. */
  open(): Promise<void>
  /** Renders the page of all, or of this one alone. Rejects while there is no hub. */
  page(form: Form): Promise<readonly Buffer[]>
  /** Tells the members what the hub says of its page has changed. */
  tell(): void
  /** Whether this is the hub, and a member serves the page. */
  readonly isServedByMember: boolean
  /** Facts for the status. */
  describe(): Readonly<Record<string, unknown>>
  /** The latest facts of the hub about its page; undefined if this process never was a member. */
  hubFacts(): Readonly<Record<string, unknown>> | undefined
  /** Reports what is left, and leaves. */
  close(deadline: number): Promise<void>
}

export interface GroupOptions<Form, All extends Totals> {
  /** Identifies this page among others of the same processes: plain JSON. */
  readonly page: readonly unknown[]
  readonly clock: Clock
  readonly logger: Logger
  readonly source: Source
  /** Called when there may be others: from now on it reports. */
  readonly joined: () => void
  /** The reports that each group has from this process, by the group's name. Outlives the exporter's clients. */
  readonly shippings: Map<string, Shipping>
  /** Makes the totals of a hub. They are empty: what earlier hubs had is added to them. */
  readonly createTotals: () => All
  readonly renderOwn: (form: Form) => Promise<readonly Buffer[]>
  readonly renderAll: (form: Form, totals: All, census: Census) => Promise<readonly Buffer[]>
  /** Called when this one is to serve the page, alone or as the hub. `patient`: not to reject, but to go on trying. */
  readonly serve: (patient: boolean) => Promise<void>
  /** Facts of a hub's totals, for its status. */
  readonly describeTotals: (totals: All) => object
  /** Whether it serves the page. */
  readonly serves: () => boolean
  /** Returns the facts of the hub about its page. */
  readonly facts: () => object
}

/** Who is in the group. */
export interface Census {
  readonly members: number
  readonly late: readonly string[]
}
