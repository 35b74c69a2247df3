import { version } from '../../version.ts'

/** Resource and scope that spans have in common; an empty string counts as absent. */
export interface SpanOrigin {
  readonly resource: {
    readonly attributes: Readonly<Record<string, unknown>>
    readonly schemaUrl?: string | undefined
  }
  readonly scope: {
    readonly name: string
    readonly version?: string | undefined
    readonly schemaUrl?: string | undefined
    readonly attributes?: Readonly<Record<string, unknown>> | undefined
  }
}

/** The configuration keys that say what the telemetry is of. */
export interface ResourceConfig {
  readonly resource_attributes: unknown
  readonly service_name: string | null
}

/**
 * The resource as OpenTelemetry's SDK detects it (SDK defaults, process, host), then `OTEL_RESOURCE_ATTRIBUTES` and
 * `OTEL_SERVICE_NAME`, then `resource_attributes`, then `service_name`; the later one wins.
 * The packages are loaded here, not with this module.
 */
export async function detectOrigin(config: ResourceConfig): Promise<SpanOrigin> {
  const detection = await import('@opentelemetry/resources')
  const { defaultResource, detectResources, envDetector, hostDetector, processDetector } = detection
  const detected = defaultResource().merge(
    detectResources({ detectors: [processDetector, hostDetector, envDetector] }),
  )
  await detected.waitForAsyncAttributes?.()
  const attributes: Record<string, unknown> = Object.assign(Object.create(null), detected.attributes)
  Object.assign(attributes, configured(config.resource_attributes))
  if (config.service_name !== null && config.service_name !== undefined)
    attributes['service.name'] = config.service_name
  return {
    resource: { attributes, schemaUrl: detected.schemaUrl },
    scope: { name: 'telemachine', version },
  }
}

/** A table, or a list such as `["team:core"]`. */
function configured(setting: unknown): Readonly<Record<string, unknown>> {
  if (!Array.isArray(setting)) return (setting ?? {}) as Record<string, unknown>
  const pairs = setting.map((tag) => {
    const text = String(tag)
    const colon = text.indexOf(':')
    return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  })
  return Object.fromEntries(pairs)
}

/**
 * `OTEL_RESOURCE_ATTRIBUTES`: `key=value` pairs separated by commas, percent-encoded. By its specification one that is
 * malformed is discarded whole: undefined.
 */
export function parseResourceAttributes(text: string): Readonly<Record<string, string>> | undefined {
  const attributes: Record<string, string> = Object.create(null)
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue
    const parts = pair.split('=')
    const [key, value] = parts.map((part) => decoded(part.trim()))
    if (parts.length !== 2 || !key || value === undefined) return undefined
    attributes[key] = value
  }
  return { ...attributes }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
