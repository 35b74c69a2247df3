import { isIP } from 'node:net'

/** Checks of the Host header, which keep pages of other sites from making requests (DNS rebinding). */

/** The lower-case name in a Host header, without its port; undefined when the header is no host. */
export function hostname(header: string): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(header.toLowerCase()) ?? []
  return name
}

/** Whether a name in a Host header is an IP address: DNS cannot make it mean another one. */
export const isAddress = (name: string): boolean => isIP(name.replace(/^\[|\]$/g, '')) !== 0

/** Whether an address, or the name `localhost`, is this machine's own. */
export function isLoopback(host: string): boolean {
  const address = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

/** `host` as it stands in a URL: an IPv6 address in brackets. */
export const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)
