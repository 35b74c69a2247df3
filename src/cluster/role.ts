/** The role of a process or thread in its group. Pure: computes the next role from an event. */

/**
 * - `alone`: it has a page of its own, because it has no siblings or no group could be made.
 * - `electing`: it looks for the hub, or tries to become it.
 * - `member`: it reports to the hub, and asks it for the page.
 * - `hub`: it adds up what all report, and serves the page.
 * - `left`: closed.
 */
export type Role = 'alone' | 'electing' | 'member' | 'hub' | 'left'

export type RoleEvent = 'kin_seen' | 'hub_found' | 'hub_lost' | 'claimed' | 'resigned' | 'failed' | 'closed'

const transitions: Readonly<Record<Role, Readonly<Partial<Record<RoleEvent, Role>>>>> = {
  alone: { kin_seen: 'electing', closed: 'left' },
  electing: { hub_found: 'member', claimed: 'hub', failed: 'alone', closed: 'left' },
  member: { hub_lost: 'electing', closed: 'left' },
  hub: { resigned: 'electing', closed: 'left' },
  left: {},
}

/** The role after an event; an event that means nothing in a role leaves it. */
export const nextRole = (role: Role, event: RoleEvent): Role => transitions[role][event] ?? role
