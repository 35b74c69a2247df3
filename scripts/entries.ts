import { fileURLToPath } from 'node:url'

/** The root folder of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** What the package exports: the name of each entry point in `dist`, and its source. */
export const entries: Readonly<Record<string, string>> = {
  index: 'src/index.ts',
  machines: 'machines/index.ts',
  testing: 'src/testing/index.ts',
  admin: 'src/admin/index.ts',
  inspect: 'src/inspect/index.ts',
  opentelemetry: 'src/opentelemetry/index.ts',
  bridges: 'src/bridges/index.ts',
  nats: 'src/nats/index.ts',
}

/** The oldest Node.js that the output has to run on, for esbuild. */
export const target = 'node20'
