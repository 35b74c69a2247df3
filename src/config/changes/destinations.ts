import type { ConfigProblem } from '../../errors.ts'
import type { KeySchema } from '../../exporters/exporter.ts'
import type { Entry } from '../layers.ts'
import { pathOf } from '../paths.ts'
import type { Resolved } from '../resolve.ts'
import { isSensitive } from '../schema.ts'
import { problemAt } from '../shown/problems.ts'
import { isAllowedDestination, isForbiddenHost } from './addresses.ts'
import type { Held } from './holds.ts'

export { isAllowedDestination, isForbiddenAddress } from './addresses.ts'

const isUntrusted = (entry: Entry): boolean => entry.source === 'admin' || entry.source === 'remote'

const originOf = (value: unknown): string | undefined =>
  typeof value === 'string' && URL.canParse(value) ? new URL(value).origin : undefined

/** Where a value of a key makes the exporter send to. */
function destinationOf(key: KeySchema, value: unknown): string | undefined {
  if (key.format === 'http-url') return typeof value === 'string' ? value : undefined
  return typeof value === 'string' ? key.destination?.(value) : undefined
}

/** Origins that an exporter sends to. */
export const originsOf = ({ schema, config }: Resolved): string[] =>
  [...schema.keys]
    .map(([name, key]) => originOf(destinationOf(key, config[name])))
    .filter((origin) => origin !== undefined)

const isGiven = (value: unknown): boolean =>
  value !== null &&
  value !== undefined &&
  value !== '' &&
  !(typeof value === 'object' && Object.keys(value).length === 0)

/** A destination that someone who is not the operator of this process named. */
interface Named {
  readonly key: string
  readonly held: Held
  readonly origin: string
}

function namedDestinations(resolved: Resolved, allowed: readonly string[]): Named[] {
  const named: Named[] = []
  for (const [name, key] of resolved.schema.keys) {
    const [held, ...below] = resolved.held.get(name) ?? []
    if (!held || !isUntrusted(held.entry)) continue
    const destination = destinationOf(key, held.value)
    const origin = originOf(destination)
    if (destination === undefined || origin === undefined || isAllowedDestination(destination, allowed))
      continue
    const trusted =
      below.find(({ entry }) => !isUntrusted(entry))?.value ?? resolved.schema.defaults.get(name)
    if (originOf(destinationOf(key, trusted)) !== origin) named.push({ key: name, held, origin })
  }
  return named
}

/** Credentials that were not brought for this origin. */
function strayCredentials(resolved: Resolved, origin: string): string[] {
  const stray: string[] = []
  for (const [name, key] of resolved.schema.keys) {
    if (!isSensitive(key) || !isGiven(resolved.config[name])) continue
    const entry = resolved.held.get(name)?.[0]?.entry
    if (!entry?.boundTo?.includes(origin)) stray.push(name)
  }
  return stray
}

/**
 * Stored credentials never go to a host that someone merely named. A rule on the whole configuration, not on one
 * change, so that it cannot be got round in two steps: a destination from the admin API or a remote store whose
 * origin is neither the trusted layers' own nor in `allowed_destinations` has only credentials brought for it.
 */
export function checkDestinations(
  resolved: Resolved,
  allowed: readonly string[],
): { guarded: boolean; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = []
  const named = namedDestinations(resolved, allowed)
  for (const { key, held, origin } of named) {
    const path = pathOf(resolved.id, key)
    const refuse = (why: string): void =>
      void problems.push(problemAt('CONFIG_DESTINATION', path, held.entry, why))
    if (isForbiddenHost(new URL(origin).hostname)) {
      refuse(
        `names ${origin}, a link-local or metadata address that is not in telemetry.allowed_destinations`,
      )
    }
    const stray = strayCredentials(resolved, origin)
    if (stray.length > 0) {
      refuse(
        `names ${origin}, which is not in telemetry.allowed_destinations: the change must bring ${stray.join(', ')} of its own, since stored credentials are not sent there`,
      )
    }
  }
  for (const [name, key] of resolved.schema.keys) {
    const held = resolved.held.get(name)?.[0]
    if (!held || !isUntrusted(held.entry)) continue
    const path = pathOf(resolved.id, name)
    if (key.format === 'file-path' && held.value !== null) {
      problems.push(
        problemAt(
          'CONFIG_FORBIDDEN',
          path,
          held.entry,
          'is the path of a file, which only the file, init and the program may set',
        ),
      )
    }
    if (key.format === 'host' && isForbiddenHost(String(held.value))) {
      problems.push(problemAt('CONFIG_DESTINATION', path, held.entry, 'is a link-local or metadata address'))
    }
  }
  return { guarded: named.length > 0, problems }
}
