import { BlockList, isIP } from 'node:net'

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** A host name or address without brackets, in lower case and without the dot that may end a full name. */
const bare = (host: string): string =>
  host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()

/** Splits `host`, `host:port`, `[ipv6]:port`, `address/bits` or a bare IPv6 address. */
function splitPort(token: string): { readonly host: string; readonly port: string | undefined } {
  const [, host, port] = /^(\[[^\]]*\][^:]*|[^:]*):(\d+)$/.exec(token) ?? []
  return host === undefined ? { host: token, port: undefined } : { host, port }
}

/** An address matches the same address in any spelling, or a subnet such as `10.0.0.0/8`. */
function addressMatches(address: string, pattern: string): boolean {
  const [network = '', bits] = pattern.split('/')
  const plain = bare(network)
  const family = isIP(address)
  if (isIP(plain) !== family) return false
  const type = family === 6 ? 'ipv6' : 'ipv4'
  const length = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits)
  if (!/^\d+$/.test(bits ?? '0') || length > (family === 6 ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(plain, length, type)
  return list.check(address, type)
}

/** A name matches itself and every name below it. A leading `.` or `*.` changes nothing. */
function nameMatches(name: string, pattern: string): boolean {
  const suffix = bare(pattern).replace(/^\*?\./, '')
  return suffix !== '' && (name === suffix || name.endsWith(`.${suffix}`))
}

/**
 * Tells whether a list such as that of NO_PROXY names the destination. The rules are curl's: entries are separated by
 * commas or blanks, `*` stands for every host, `example.com` is this host and the hosts below it, an address is compared
 * as an address, and `10.0.0.0/8` is a subnet. Beyond curl, an entry may end in a port.
 */
export function isBypassed(destination: URL, list: string): boolean {
  const host = bare(destination.hostname)
  const port = destination.port || defaultPorts[destination.protocol]
  return list.split(/[\s,]+/).some((token) => {
    if (token === '') return false
    if (token === '*') return true
    const wanted = splitPort(token)
    if (wanted.port !== undefined && wanted.port !== port) return false
    return isIP(host) === 0 ? nameMatches(host, wanted.host) : addressMatches(host, wanted.host)
  })
}

/** Loopback, also as an IPv4 address in IPv6, and the addresses that stand for any of this host. */
const loopbackSubnets = ['127.0.0.0/8', '::1', '::ffff:127.0.0.0/104', '0.0.0.0', '::']

/** `localhost`, the names below it, and addresses that lead to this host. */
export function isLoopback({ hostname }: URL): boolean {
  const host = bare(hostname)
  if (isIP(host) === 0) return nameMatches(host, 'localhost')
  return loopbackSubnets.some((subnet) => addressMatches(host, subnet))
}
