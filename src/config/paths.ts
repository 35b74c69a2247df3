import type { ConfigProblem } from '../errors.ts'
import { polluting } from './formats/format.ts'
import { systemKeys } from './keys.ts'

/** The target of a path: a whole exporter, one of its keys, a key of telemachine itself, or everything. */
export type Target =
  | { readonly kind: 'root' }
  | { readonly kind: 'system'; readonly key: string }
  | { readonly kind: 'exporter'; readonly id: string }
  | { readonly kind: 'key'; readonly id: string; readonly key: string }

const maxPath = 256
const exporterId = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
export const isPolluting = (name: string): boolean => polluting.has(name)

export const isExporterId = (name: string): boolean =>
  exporterId.test(name) && name !== 'telemetry' && !isPolluting(name) && !systemKeys.has(name)

/** `telemetry.<id>.<key>`, or `telemetry.<key>` for a key of telemachine itself. */
export const pathOf = (id: string | undefined, key?: string): string =>
  ['telemetry', id, key].filter((part) => part !== undefined).join('.')

/** The path of what a path names. */
export const pathOfTarget = (target: Target): string =>
  pathOf('id' in target ? target.id : undefined, 'key' in target ? target.key : undefined)

/** A name as a message may carry it: bounded, and without control characters. */
export function shownName(name: string): string {
  const clean = name.replace(/[^\x20-\x7e\xa0-\uffff]/g, '?')
  return clean.length > maxPath ? `${clean.slice(0, 64)}…` : clean
}

const refuse = (path: string, why: string): ConfigProblem => ({
  code: 'CONFIG_PATH',
  path: shownName(path),
  message: `${shownName(path)} is not a configuration path: ${why}`,
})

/** Reads a path, with or without its leading `telemetry.`. */
export function parsePath(path: unknown): Target | ConfigProblem {
  if (typeof path !== 'string') {
    return { code: 'CONFIG_PATH', path: '', message: 'a configuration path must be a string' }
  }
  if (path.length > maxPath) return refuse(path, `it is longer than ${maxPath} characters`)
  const parts = path.split('.')
  const bad = parts.find(isPolluting)
  if (bad !== undefined) return refuse(path, `${bad} is reserved`)
  if (parts[0] === 'telemetry') parts.shift()
  const [id, key] = parts
  if (id === undefined) return { kind: 'root' }
  if (parts.includes('')) return refuse(path, 'it has an empty part')
  if (systemKeys.has(id)) {
    return key === undefined ? { kind: 'system', key: id } : refuse(path, `${id} has no keys of its own`)
  }
  if (!isExporterId(id)) {
    return refuse(
      path,
      `${shownName(id)} is not a valid exporter id (letters, digits, _ and -, at most 64, a letter first)`,
    )
  }
  if (key === undefined) return { kind: 'exporter', id }
  if (parts.length > 2) return refuse(path, `set ${pathOf(id, key)} as a whole`)
  return { kind: 'key', id, key }
}

export const isProblem = (parsed: Target | ConfigProblem): parsed is ConfigProblem => 'code' in parsed
