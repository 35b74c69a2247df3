import type { EcosystemVariable } from '../exporter.ts'
import { parseResourceAttributes } from './resource.ts'
import type { Signal } from './signal.ts'

/**
 * What OpenTelemetry's variables say in terms of our keys. A reader throws for a text that is malformed or that asks for
 * what telemachine does not have; it returns undefined where the key keeps its default.
 */

/** Names in variables are read in any case. */
const word = (text: string): string => text.trim().toLowerCase()

export function wholeNumber(text: string): number {
  if (!/^\s*\d+\s*$/.test(text)) throw new Error('must be a whole number')
  return Number(text)
}

/** Seconds, of milliseconds. */
export function milliseconds(text: string): number {
  if (!/^\s*\d+\s*$/.test(text)) throw new Error('must be a whole number of milliseconds')
  return Number(text) / 1000
}

export function compression(text: string): string {
  const name = word(text)
  if (name !== 'none' && name !== 'gzip') throw new Error('must be none or gzip')
  return name
}

export function resourceAttributes(text: string): Readonly<Record<string, string>> {
  const attributes = parseResourceAttributes(text)
  if (attributes === undefined)
    throw new Error('must be key=value pairs separated by commas, percent-encoded')
  return attributes
}

/** `OTEL_SDK_DISABLED`: the exporter is not enabled. */
export function sdkDisabled(text: string): boolean | undefined {
  const said = word(text)
  if (said !== 'true' && said !== 'false') throw new Error('must be true or false')
  return said === 'true' ? false : undefined
}

/** `OTEL_TRACES_EXPORTER` and its like: a list, of which only `otlp` and `none` concern this exporter. */
export const signalExporter =
  ({ type }: Signal) =>
  (text: string): boolean | undefined => {
    const names = text.split(',').map(word).filter(Boolean)
    if (names.length > 0 && names.every((name) => name === 'otlp')) return undefined
    if (names.includes('none') && !names.includes('otlp')) return false
    throw new Error(
      `must be otlp or none: this exporter speaks OTLP only; telemetry.${type}.enabled switches it, and other exporters are tables of their own`,
    )
  }

/**
 * `OTEL_EXPORTER_OTLP_PROTOCOL` and that of the signal, beside which the general one says nothing. There is one protocol,
 * so neither sets anything.
 */
export function protocolVariables({ variable: signal, type }: Signal): readonly EcosystemVariable[] {
  const specific = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`
  const speaksProtobuf = (text: string): undefined => {
    if (word(text) !== 'http/protobuf')
      throw new Error(
        `must be http/protobuf, the only protocol of this exporter: set telemetry.${type}.endpoint to the OTLP/HTTP endpoint of the collector, whose port is 4318 by default`,
      )
  }
  return [
    { name: specific, read: speaksProtobuf },
    {
      name: 'OTEL_EXPORTER_OTLP_PROTOCOL',
      read: (text, variable) => (variable(specific) === undefined ? speaksProtobuf(text) : undefined),
    },
  ]
}

const rates: ReadonlyMap<string, number> = new Map([
  ['always_on', 1],
  ['always_off', 0],
])

/** `OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`. A remote parent decides in any case, as with `parentbased_`. */
export function samplingRate(text: string, variable: (name: string) => string | undefined): number {
  const sampler = word(text).replace(/^parentbased_/, '')
  const fixed = rates.get(sampler)
  if (fixed !== undefined) return fixed
  if (sampler !== 'traceidratio')
    throw new Error(
      'must be always_on, always_off or traceidratio, each with or without parentbased_: set telemetry.otel.sampling_rate instead',
    )
  const ratio = variable('OTEL_TRACES_SAMPLER_ARG')?.trim() || '1'
  if (!/^\d*\.?\d+$/.test(ratio) || Number(ratio) > 1)
    throw new Error(
      'needs a number from 0 to 1 in OTEL_TRACES_SAMPLER_ARG, or telemetry.otel.sampling_rate instead',
    )
  return Number(ratio)
}

/** `OTEL_TRACES_SAMPLER_ARG` alone: the specification reads it only beside a sampler. */
export function samplerArgument(_text: string, variable: (name: string) => string | undefined): undefined {
  if (variable('OTEL_TRACES_SAMPLER') === undefined)
    throw new Error(
      'needs OTEL_TRACES_SAMPLER=traceidratio beside it: set that, or telemetry.otel.sampling_rate instead',
    )
}
