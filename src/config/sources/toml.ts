import { createRequire } from 'node:module'

type Toml = Pick<typeof import('smol-toml'), 'parse' | 'TomlError'>

let toml: Toml | undefined

/** Loads the parser when a TOML file is read for the first time. */
export async function loadToml(): Promise<void> {
  toml ??= await import('smol-toml')
}

/** The parser, at once: also before {@link loadToml}, unless the application was bundled without its packages. */
export function tomlNow(): Toml | undefined {
  try {
    toml ??= createRequire(import.meta.url)('smol-toml') as Toml
  } catch {
    // The start will have it.
  }
  return toml
}
