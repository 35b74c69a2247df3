import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { glob } from '../bus/glob.ts'

const forbidden4 = new BlockList()
forbidden4.addSubnet('169.254.0.0', 16)
/** Metadata services of Alibaba, Oracle and Azure, which are outside the link-local range. */
for (const address of ['100.100.100.200', '192.0.0.192', '168.63.129.16']) forbidden4.addAddress(address)
const forbidden6 = new BlockList()
forbidden6.addSubnet('fe80::', 10, 'ipv6')
/** Metadata services of AWS and GCP over IPv6. */
for (const address of ['fd00:ec2::254', 'fd20:ce::254']) forbidden6.addAddress(address, 'ipv6')

const metadataHosts: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
])

/** The eight groups of a valid IPv6 address without a zone. */
function groupsOf(address: string): number[] {
  // The URL parser writes every spelling in one way, with the IPv4 part in hex.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const groups = (text: string | undefined): number[] =>
    text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []
  const [left, right] = [groups(head), groups(tail)]
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
}

type Bytes = readonly number[]

const startsWith = (bytes: Bytes, ...prefix: number[]): boolean =>
  prefix.every((byte, i) => bytes[i] === byte)
const areZero = (bytes: Bytes, from: number, to: number): boolean =>
  bytes.slice(from, to).every((byte) => byte === 0)

/**
 * Forms of IPv6 addresses that carry an IPv4 address: how to recognise one, and the four bytes to read. NAT64 skips
 * byte 8 (RFC 6052, section 2.2), and within 64:ff9b:1::/48 the length of the prefix is up to the network.
 */
const embeddings: readonly {
  readonly fits: (bytes: Bytes) => boolean
  readonly at: readonly number[]
  readonly inverted?: boolean
}[] = [
  // Compatible ::/96, mapped ::ffff:0:0/96, translated ::ffff:0:0:0/96
  { fits: (bytes) => areZero(bytes, 0, 12), at: [12, 13, 14, 15] },
  { fits: (bytes) => areZero(bytes, 0, 10) && bytes[10] === 255 && bytes[11] === 255, at: [12, 13, 14, 15] },
  {
    fits: (bytes) => areZero(bytes, 0, 8) && bytes[8] === 255 && bytes[9] === 255 && areZero(bytes, 10, 12),
    at: [12, 13, 14, 15],
  },
  // NAT64
  { fits: (bytes) => startsWith(bytes, 0, 0x64, 0xff, 0x9b) && areZero(bytes, 4, 12), at: [12, 13, 14, 15] },
  ...[
    [6, 7, 9, 10],
    [7, 9, 10, 11],
    [9, 10, 11, 12],
    [12, 13, 14, 15],
  ].map((at) => ({ fits: (bytes: Bytes) => startsWith(bytes, 0, 0x64, 0xff, 0x9b, 0, 1), at })),
  // 6to4
  { fits: (bytes) => startsWith(bytes, 0x20, 0x02), at: [2, 3, 4, 5] },
  // Teredo: the server, and the client with inverted bits
  { fits: (bytes) => startsWith(bytes, 0x20, 0x01, 0, 0), at: [4, 5, 6, 7] },
  { fits: (bytes) => startsWith(bytes, 0x20, 0x01, 0, 0), at: [12, 13, 14, 15], inverted: true },
  // ISATAP, under any prefix
  {
    fits: (bytes) => (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe,
    at: [12, 13, 14, 15],
  },
]

/**
 * Tells whether an address is link-local or belongs to a cloud's metadata service, also where an IPv6 address carries
 * such an IPv4 address. For the transport: check the address that is connected to.
 */
export function isForbiddenAddress(ip: string): boolean {
  const address = ip.replace(/^\[|\]$/g, '').split('%')[0] ?? ''
  // Most hosts are names, for which Node's test of IPv6 takes long.
  if (!address.includes(':')) return isIPv4(address) && forbidden4.check(address)
  if (!isIPv6(address)) return false
  if (forbidden6.check(address, 'ipv6')) return true
  const bytes = groupsOf(address).flatMap((group) => [group >> 8, group & 255])
  return embeddings.some(
    ({ fits, at, inverted }) =>
      fits(bytes) && forbidden4.check(at.map((i) => (inverted ? 255 - bytes[i]! : bytes[i]!)).join('.')),
  )
}

/** Writes a host as URLs have it: `0xa9fea9fe` and `2852039166` are ways to write 169.254.169.254. */
function canonicalHost(host: string): string {
  const bare = host
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()
  const url = `http://${bare.includes(':') ? `[${bare}]` : bare}/`
  return URL.canParse(url) ? new URL(url).hostname : bare
}

/** Tells whether a host name or address is link-local or belongs to a cloud's metadata service. */
export function isForbiddenHost(hostname: string): boolean {
  const host = canonicalHost(hostname)
  return metadataHosts.has(host) || isForbiddenAddress(host)
}

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** Groups of an IPv6 glob such as `fd00:1::*`; `::` stands for zeros, as in an address. */
function globGroups(pattern: string): string[] {
  const [head = '', tail] = pattern.split('::')
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : [])
  const [left, right] = [groups(head), groups(tail)]
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  return [...left, ...new Array<string>(zeros).fill('0'), ...right]
}

/** Only digits and wildcards, and at least one digit. */
const addressGlob = /^(?=.*\d)[\d.*?[\]!-]+$/

const labelsMatch = (patterns: readonly string[], labels: readonly string[]): boolean =>
  patterns.length === labels.length && patterns.every((pattern, i) => glob(pattern)(labels[i]!))

/** Compares label by label (group by group in IPv6), so that `*` never stands for a dot. */
function hostMatches(pattern: string, hostname: string): boolean {
  if (hostname.startsWith('[')) {
    const groups = groupsOf(hostname.slice(1, -1)).map((group) => group.toString(16))
    return pattern.includes(':') && labelsMatch(globGroups(pattern), groups)
  }
  // `127.0.0.*` is a glob of addresses: the host 127.0.0.evil must not match it.
  if (addressGlob.test(pattern) !== isIPv4(hostname)) return false
  return labelsMatch(pattern.split('.'), hostname.split('.'))
}

/** `host`, `host:port`, `[ipv6]`, `[ipv6]:port` or a bare IPv6 address. */
function splitPort(pattern: string): { readonly host: string; readonly port: string | undefined } {
  const bracketed = /^\[([^\]]*:[^\]]*)\](?::([\d*?]+))?$/.exec(pattern)
  if (bracketed) return { host: bracketed[1]!, port: bracketed[2] }
  const plain = /^([^:]*):([\d*?]+)$/.exec(pattern)
  return plain ? { host: plain[1]!, port: plain[2] } : { host: pattern, port: undefined }
}

/**
 * Tells whether `allowed_destinations` names the destination of a URL: by its origin, or by a glob of its host, which
 * may end in a port. `*` stands for one label or a part of it, and a glob of addresses matches addresses only.
 */
export function isAllowedDestination(url: string, allowed: readonly string[]): boolean {
  if (!URL.canParse(url)) return false
  const { origin, hostname, port, protocol } = new URL(url)
  return allowed.some((one) => {
    if (/^https?:\/\//i.test(one)) return URL.canParse(one) && new URL(one).origin === origin
    const pattern = splitPort(one.toLowerCase())
    if (pattern.port !== undefined && !glob(pattern.port)(port || (defaultPorts[protocol] ?? '')))
      return false
    return hostMatches(pattern.host, hostname)
  })
}
