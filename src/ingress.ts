import type { BridgedSpans } from './bus/bridged-span.ts'
import type { TelemetryEvent } from './bus/event.ts'
import type { AnyExporterDefinition } from './exporters/exporter.ts'

/** Ways into telemetry beside its public face, for our own adapters: the public face of a telemetry system has none. */
export interface Ingress {
  /** The type of an exporter that exists; undefined for another, and before the start. */
  definitionOf(exporter: string): AnyExporterDefinition | undefined
  /** The client an exporter is serving with; undefined while it has none. */
  clientOf(exporter: string): unknown
  /** Gives an event to one exporter alone, whatever its patterns. False if it takes none: it is disabled, or stopped. */
  offer(exporter: string, event: TelemetryEvent): boolean
  /** Hides the secrets of the configuration in a text, and the userinfo and query of the URLs in it. */
  redact(text: string): string
  /** The spans of bridges. */
  readonly spans: BridgedSpans
  /** Reports what a bridge threw on a message of a channel, as `telemetry.handler.failed`; logs the first of a bridge. */
  bridgeFailed(bridge: string, channel: string, thrown: unknown): void
}

const ingresses = new WeakMap<object, Ingress>()

export const openIngress = (telemetry: object, ingress: Ingress): void =>
  void ingresses.set(telemetry, ingress)

/** Undefined for what `createTelemetry` has not made. */
export const ingressOf = (telemetry: object): Ingress | undefined => ingresses.get(telemetry)
