import type { AnyExporterDefinition } from '../exporters/exporter.ts'
import type { Convict } from './convict.ts'
import { secretsOfProxyUrl } from './formats/proxy-url.ts'
import { createJudge, type Judge, type ResolvedConfig } from './judge.ts'
import { type SystemConfig, systemSchema } from './keys.ts'
import type { Entry, Layers } from './layers.ts'
import {
  createSchema,
  createTypeSchemas,
  isSensitive,
  type OnJudged,
  type Schema,
  type TypeSchema,
} from './schema.ts'
import type { Redactor } from './shown/redact.ts'
import type { Environment } from './sources/environment.ts'

/** What operators wrote down is bounded by them; what comes at runtime is not. */
const isLasting = ({ source }: Entry): boolean =>
  source === 'environment' || source === 'file' || source === 'init'

const systemDefaults = Object.fromEntries(
  Object.entries(systemSchema).map(([name, key]) => [name, key.default]),
) as unknown as SystemConfig

/** Layers that nobody has judged yet: without exporters, and with the defaults of telemachine's own keys. */
export const unjudged = (layers: Layers): ResolvedConfig => ({
  layers,
  exporters: new Map(),
  system: { config: systemDefaults, held: new Map(), warnings: [], said: [], sound: false },
  peers: new Map(),
})

export interface JudgeFactory {
  /** Makes a judge; throws `EXPORTER_DEFINITION_INVALID`. Judges of the same factory judge an entry once. */
  make(convict: Convict, environment: Environment): Judge
  /** Keeps the secrets that are in force, however many others were tried since they were put. */
  remember(config: ResolvedConfig): void
}

/** Makes the judges of one configuration, which teach the redactor each secret they see. */
export function createJudgeFactory(
  types: readonly AnyExporterDefinition[],
  redactor: Redactor,
): JudgeFactory {
  let schemas: { readonly types: ReadonlyMap<string, TypeSchema>; readonly system: Schema } | undefined

  /** A secret is known from when it is first read, whatever becomes of it. */
  const learn: OnJudged = (key, entry, verdict) => {
    if (key.format === 'proxy-url') redactor.learn(secretsOfProxyUrl(entry.value), isLasting(entry))
    if (!isSensitive(key)) return
    const lasting = isLasting(entry)
    if (key.format === 'headers')
      redactor.learnHeaders('value' in verdict ? verdict.value : entry.value, lasting)
    else redactor.learn(entry.value, lasting)
  }

  return {
    make: (convict, environment) => {
      schemas ??= {
        types: createTypeSchemas(types, convict, learn),
        system: createSchema(new Map(Object.entries(systemSchema)), '', convict, learn),
      }
      return createJudge(schemas.types, schemas.system, environment, redactor)
    },
    remember: ({ exporters }) => {
      for (const { schema, config } of exporters.values()) {
        for (const [name, key] of schema.keys) {
          if (key.format === 'proxy-url') redactor.learn(secretsOfProxyUrl(config[name]))
          else if (key.format === 'headers') redactor.learnHeaders(config[name])
          else if (isSensitive(key)) redactor.learn(config[name])
        }
      }
    },
  }
}
