import { TelemetryError } from '../errors.ts'

type Transport = typeof import('@nats-io/transport-node')
type JetStream = typeof import('@nats-io/jetstream')

const missing = (name: string, error: unknown): TelemetryError =>
  new TelemetryError('NATS_PACKAGE_MISSING', `NATS needs the package ${name}: npm install ${name}`, {
    cause: error,
  })

/** Loads the client of NATS. @throws TelemetryError `NATS_PACKAGE_MISSING`. */
export const loadTransport = async (): Promise<Transport> => {
  try {
    return await import('@nats-io/transport-node')
  } catch (error) {
    throw missing('@nats-io/transport-node', error)
  }
}

/** Loads the client of JetStream's consumers and streams. @throws TelemetryError `NATS_PACKAGE_MISSING`. */
export const loadJetStream = async (): Promise<JetStream> => {
  try {
    return await import('@nats-io/jetstream')
  } catch (error) {
    throw missing('@nats-io/jetstream', error)
  }
}
