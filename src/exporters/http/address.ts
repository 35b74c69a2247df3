import type { LookupAddress } from 'node:dns'
import { isIP, isIPv6, type LookupFunction } from 'node:net'
import { TelemetryError } from '../../errors.ts'
import { sharedLookup } from './lookup.ts'

/** True for an address that must not be connected to. IPv6 is without brackets and zone. */
export type ForbidAddress = (ip: string) => boolean

/** The IPv4 address inside `::ffff:a.b.c.d`, also in the hexadecimal form that URL makes of it. */
function mappedIPv4(ip: string): string | undefined {
  const [, dotted, high, low] =
    /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i.exec(ip) ?? []
  if (dotted !== undefined) return dotted
  if (high === undefined || low === undefined) return undefined
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return words.flatMap((word) => [word >> 8, word & 0xff]).join('.')
}

export function isForbidden(ip: string, forbid: ForbidAddress): boolean {
  const address = ip.replace(/%.*$/, '')
  const mapped = isIPv6(address) ? mappedIPv4(address) : undefined
  return forbid(address) || (mapped !== undefined && forbid(mapped))
}

export const forbidden = (host: string): TelemetryError =>
  new TelemetryError(
    'HTTP_ADDRESS_FORBIDDEN',
    `${host} has an address that must not be connected to, because an untrusted source named it: list the destination in telemetry.allowed_destinations`,
  )

/** Throws `HTTP_ADDRESS_FORBIDDEN` for a URL whose host is such an address itself; of a name only the lookup can tell. */
export function refuseForbidden(url: URL, forbid: ForbidAddress): void {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(hostname) && isForbidden(hostname, forbid)) throw forbidden(hostname)
}

/**
 * Throws `HTTP_ADDRESS_FORBIDDEN` for a host name: behind a proxy it is the proxy that resolves it, so that this
 * process cannot check the address that is connected to.
 */
export function refuseUnresolved(hostname: string): void {
  if (isIP(hostname) === 0)
    throw new TelemetryError(
      'HTTP_ADDRESS_FORBIDDEN',
      `the proxy resolves ${hostname}, so its address cannot be checked: list it in telemetry.allowed_destinations, or in no_proxy`,
    )
}

/**
 * Resolves a name to its permitted addresses only. The socket connects to what this returns, so a name that changes
 * its address between a check and the connection gains nothing.
 */
export const guardedLookup =
  (forbid: ForbidAddress): LookupFunction =>
  (hostname, options, callback) => {
    sharedLookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, [])
      const [first, ...rest] = (found as LookupAddress[]).filter(
        ({ address }) => !isForbidden(address, forbid),
      )
      if (first === undefined) return callback(forbidden(hostname), [])
      if (options.all) callback(null, [first, ...rest])
      else callback(null, first.address, first.family)
    })
  }
