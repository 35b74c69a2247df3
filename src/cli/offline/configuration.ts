import { existsSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import { createSystemClock } from '../../clock.ts'
import type { ConfigStore } from '../../config/contract.ts'
import { loadConvict } from '../../config/convict.ts'
import { loadToml } from '../../config/sources/file.ts'
import { createConfigStore } from '../../config/store.ts'
import { messageOf } from '../../errors.ts'
import { typesWith } from '../../exporters/built-in.ts'
import type { AnyExporterDefinition } from '../../exporters/exporter.ts'
import type { Logger } from '../../logger.ts'
import { type CommandContext, fileError, usageError } from '../command.ts'

/** Options of every command that reads a configuration file. */
export const fileOptions = {
  // Not --env-file: Node.js takes that for its own, wherever it stands.
  env: { type: 'string', multiple: true },
  types: { type: 'string', multiple: true },
} as const

export const fileOptionsHelp = `  --env <file>       more environment variables, in the format of .env; may be repeated
  --types <module>   a module that exports exporter types of your own; may be repeated`

export interface FileOptions {
  readonly env?: string[] | undefined
  readonly types?: string[] | undefined
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

const usualFiles = ['telemetry.toml', 'telemetry.json']

/** The file that a command is about. @throws CommandError if none is named and none has a usual name. */
export function configurationFile(named: string | undefined): string {
  const file = named ?? usualFiles.find((name) => existsSync(name))
  if (file === undefined)
    throw usageError(`name a configuration file: there is no ${usualFiles.join(' and no ')} here`)
  return file
}

/** True for an argument that is meant as a file rather than as a key. */
export const isFileName = (text: string): boolean => /\.(toml|json)$/i.test(text) || /[\\/]/.test(text)

/** The environment of the process; variables of the process are stronger than those of files, as Node has it. */
function environment({ env }: CommandContext, files: readonly string[]): Record<string, string | undefined> {
  const merged: Record<string, string | undefined> = {}
  for (const file of files) {
    try {
      Object.assign(merged, parseEnv(readFileSync(file, 'utf8')))
    } catch (error) {
      throw fileError(`--env ${file} cannot be read: ${messageOf(error)}`)
    }
  }
  return { ...merged, ...env }
}

const isDefinition = (value: unknown): value is AnyExporterDefinition =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { type?: unknown }).type === 'string' &&
  typeof (value as { open?: unknown }).open === 'function'

/** Imports modules and takes every exporter type that they export, on its own or in a list. */
export async function loadTypes(modules: readonly string[]): Promise<readonly AnyExporterDefinition[]> {
  const own: AnyExporterDefinition[] = []
  for (const module of modules) {
    let exported: Record<string, unknown>
    try {
      exported = (await import(pathToFileURL(module).href)) as Record<string, unknown>
    } catch (error) {
      throw fileError(`--types ${module} cannot be imported: ${messageOf(error)}`)
    }
    const found = Object.values(exported).flat().filter(isDefinition)
    if (found.length === 0)
      throw fileError(`--types ${module} exports no exporter type, as defineExporter makes them`)
    for (const one of found) if (!own.includes(one)) own.push(one)
  }
  return typesWith(own)
}

/** The configuration of an application as it would be after its start, with the file and this environment. */
export async function openConfiguration(
  file: string,
  options: FileOptions,
  context: CommandContext,
): Promise<ConfigStore> {
  // Loaded before, the configuration is judged at once, and has its warnings even where the start fails.
  await Promise.all([loadConvict(), loadToml()])
  return createConfigStore({
    file,
    env: environment(context, options.env ?? []),
    types: await loadTypes(options.types ?? []),
    clock: createSystemClock(),
    logger: silent,
    apply: async () => {},
  })
}
