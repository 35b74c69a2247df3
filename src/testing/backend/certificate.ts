import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const der = (tag: number, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content)
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.from([body.length >> 8, body.length & 255])
  return Buffer.concat([Buffer.from([tag, 0x82]), length, body])
}

const sequence = (...content: Buffer[]): Buffer => der(0x30, ...content)
const oid = (...bytes: number[]): Buffer => der(0x06, Buffer.from(bytes))
const time = (date: Date): Buffer => {
  const text = date.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return der(0x18, Buffer.from(`${text}Z`))
}

const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
const commonName = oid(0x55, 0x04, 0x03)
const subjectAltName = oid(0x55, 0x1d, 0x11)
const basicConstraints = oid(0x55, 0x1d, 0x13)

const day = 24 * 3600 * 1000

export interface CertificateOptions {
  /** Epoch milliseconds. Default: yesterday. */
  readonly from?: number
  /** Epoch milliseconds. Default: in a week. */
  readonly to?: number
  /** The name it is for, instead of `localhost`, 127.0.0.1 and ::1. */
  readonly host?: string
}

/**
 * A fresh self-signed certificate (X.509 v3, RFC 5280; ECDSA P-256) for `localhost`, 127.0.0.1 and ::1, valid from
 * yesterday for a week. It is its own authority: clients trust it with `ca: cert`.
 */
export function createCertificate(options: CertificateOptions = {}): {
  readonly key: string
  readonly cert: string
} {
  const { from = Date.now() - day, to = Date.now() + 7 * day, host } = options
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from('telemachine test backend')))))
  const loopback6 = Buffer.concat([Buffer.alloc(15), Buffer.from([1])])
  const names =
    host === undefined
      ? sequence(
          der(0x82, Buffer.from('localhost')),
          der(0x87, Buffer.from([127, 0, 0, 1])),
          der(0x87, loopback6),
        )
      : sequence(der(0x82, Buffer.from(host)))
  const authority = sequence(der(0x01, Buffer.from([0xff])))
  const serial = randomBytes(8)
  // Positive, and in the shortest form.
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(from)), time(new Date(to))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        sequence(subjectAltName, der(0x04, names)),
        sequence(basicConstraints, der(0x01, Buffer.from([0xff])), der(0x04, authority)),
      ),
    ),
  )
  const signature = sign('sha256', body, privateKey)
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  const lines = whole.toString('base64').match(/.{1,64}/g)!
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}
