import type { TelemetryErrorCode } from '../error-codes.ts'
import type { KeySchema } from '../exporters/exporter.ts'
import { isAllowedDestination, isForbiddenHost } from './addresses.ts'
import { alternativesOf, listInForce } from './alternatives.ts'
import { type Entry, isUntrusted } from './layers.ts'
import { oncePerSchema } from './once-per-schema.ts'
import { pathOf } from './paths.ts'
import type { ProblemList } from './presentation/problem-list.ts'
import { problemAt } from './presentation/problems.ts'
import type { Held, ResolvedKeys } from './resolved.ts'
import { isSensitive, type Schema } from './schema.ts'

export { isAllowedDestination, isForbiddenAddress } from './addresses.ts'

/** An exporter whose destinations are to be checked. */
interface Subject extends Pick<ResolvedKeys, 'config' | 'held'> {
  readonly id: string
  readonly schema: Schema
}

const originOf = (value: unknown): string | undefined =>
  typeof value === 'string' && URL.canParse(value) ? new URL(value).origin : undefined

const isText = (value: unknown): value is string => typeof value === 'string'

/** Where a value of a key makes the exporter send to. */
function destinationsOf(key: KeySchema, value: unknown): readonly string[] {
  if (key.format === 'http-urls') return Array.isArray(value) ? value.filter(isText) : []
  if (!isText(value)) return []
  // A proxy sees the headers of plain http, so it is a destination too.
  if (key.format === 'http-url' || key.format === 'proxy-url') return [value]
  const destination = key.destination?.(value)
  return destination === undefined ? [] : [destination]
}

const originsOfUrls = (urls: readonly string[]): string[] =>
  urls.map(originOf).filter((origin) => origin !== undefined)

const namesDestination = ({ format, destination }: KeySchema): boolean =>
  format === 'http-urls' || format === 'http-url' || format === 'proxy-url' || destination !== undefined

const destinationKeys = oncePerSchema(({ keys }) => [...keys].filter(([, key]) => namesDestination(key)))

/** Origins that an exporter sends to. */
const originsOf = ({ schema, config }: Subject): string[] =>
  destinationKeys(schema).flatMap(([name, key]) => originsOfUrls(destinationsOf(key, config[name])))

const isTrusted = ({ entry, isDerived }: Held): boolean => !isDerived && !isUntrusted(entry.source)

/** Where a key, or the list that stands for it, would make the exporter send to by what trusted layers say alone. */
function trustedOrigins({ schema, held }: Subject, name: string): string[] {
  const trusted = (key: string): Held[] => (held.get(key) ?? []).filter(isTrusted)
  const both = alternativesOf(schema).find(({ list, single }) => list === name || single === name)
  const list = both && listInForce(trusted(both.list), trusted(both.single))
  if (list) return originsOfUrls(list.values.filter(isText))
  const single = both?.single ?? name
  const [first] = trusted(single)
  const key = schema.keys.get(single)
  return key ? originsOfUrls(destinationsOf(key, first ? first.value : schema.defaults.get(single))) : []
}

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

/** Returns the destinations that a key names now. If a list is set to null, the key that it replaced is used. */
function destinationsInForce({ schema, config }: Subject, name: string, key: KeySchema): readonly string[] {
  const { insteadOf } = key
  const single = insteadOf === undefined ? undefined : schema.keys.get(insteadOf)
  return single && config[name] === null
    ? destinationsOf(single, config[insteadOf as string])
    : destinationsOf(key, config[name])
}

function namedDestinations(subject: Subject, allowed: readonly string[]): Named[] {
  const named: Named[] = []
  for (const [name, [effective]] of subject.held) {
    const key = subject.schema.keys.get(name)
    if (!key || !effective || effective.isDerived || !isUntrusted(effective.entry.source)) continue
    const foreign = destinationsInForce(subject, name, key).filter(
      (url) => !isAllowedDestination(url, allowed),
    )
    const origins = new Set(originsOfUrls(foreign))
    if (origins.size === 0) continue
    for (const origin of trustedOrigins(subject, name)) origins.delete(origin)
    for (const origin of origins) named.push({ key: name, held: effective, origin })
  }
  return named
}

export interface Destinations {
  /**
   * Checks where an exporter sends to, and returns whether an untrusted source named it. Stored credentials are never
   * sent to an endpoint set by an untrusted source. This is a rule on the whole configuration, not on one change, so
   * that it cannot be got round in two steps: a destination from the admin API or a remote source whose origin is
   * neither the trusted layers' own nor in `allowed_destinations` has only credentials that were brought for it.
   */
  check(subject: Subject, allowed: readonly string[], problems: ProblemList): boolean
}

export function createDestinations(): Destinations {
  /** The origins that an untrusted source brought a value for: those of its exporter when it was first judged. */
  const broughtFor = new WeakMap<Entry, readonly string[]>()

  /** Also what a stronger layer hides: it may be unset later, when the exporter sends elsewhere. */
  const bind = (subject: Subject): void => {
    let origins: readonly string[] | undefined
    for (const values of subject.held.values()) {
      for (const { entry } of values) {
        if (!isUntrusted(entry.source) || broughtFor.has(entry)) continue
        origins ??= originsOf(subject)
        broughtFor.set(entry, origins)
      }
    }
  }

  /** Credentials that were not brought for this origin. */
  const strayCredentials = ({ schema, config, held }: Subject, origin: string): string[] =>
    [...schema.keys]
      .filter(([name, key]) => {
        if (!isSensitive(key) || !isGiven(config[name])) return false
        const entry = held.get(name)?.[0]?.entry
        return !entry || !broughtFor.get(entry)?.includes(origin)
      })
      .map(([name]) => name)

  const checkNamed = (subject: Subject, { key, held, origin }: Named, problems: ProblemList): void => {
    const path = pathOf(subject.id, key)
    const refuse = (why: () => string): void =>
      problems.add(path, () => problemAt('CONFIG_DESTINATION', path, held.entry, why()))
    if (isForbiddenHost(new URL(origin).hostname)) {
      refuse(
        () =>
          `names ${origin}, a link-local or metadata address that is not in telemetry.allowed_destinations`,
      )
    }
    const stray = strayCredentials(subject, origin)
    if (stray.length > 0) {
      refuse(
        () =>
          `names ${origin}, which is not in telemetry.allowed_destinations: the change must bring ${stray.join(', ')} of its own, since stored credentials are not sent there`,
      )
    }
  }

  const checkKey = (id: string, name: string, key: KeySchema, held: Held, problems: ProblemList): void => {
    const path = pathOf(id, name)
    const refuse = (code: TelemetryErrorCode, why: string): void =>
      problems.add(path, () => problemAt(code, path, held.entry, why))
    if ((key.format === 'file-path' || key.format === 'spool') && held.value !== null)
      refuse('CONFIG_FORBIDDEN', 'is the path of a file, which only the file, init and the program may set')
    if (key.format === 'host' && isForbiddenHost(String(held.value)))
      refuse('CONFIG_DESTINATION', 'is a link-local or metadata address')
  }

  return {
    check: (subject, allowed, problems) => {
      bind(subject)
      const named = namedDestinations(subject, allowed)
      for (const one of named) checkNamed(subject, one, problems)
      for (const [name, [held]] of subject.held) {
        const key = subject.schema.keys.get(name)
        if (key && held && isUntrusted(held.entry.source)) checkKey(subject.id, name, key, held, problems)
      }
      return named.length > 0
    },
  }
}
