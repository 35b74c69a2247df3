// Bundles a bench and runs it: compiled code, as an application has it. `node bench/run.mjs peers/burst.ts --seconds 5`.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const project = dirname(here.endsWith(sep) ? here.slice(0, -1) : here)
const [entry, ...rest] = process.argv.slice(2)
const flags = rest.filter((word) => word.startsWith('--node:')).map((word) => `--${word.slice(7)}`)
const args = rest.filter((word) => !word.startsWith('--node:'))

/** Packages stay outside of the bundle. The product has its own versions of OpenTelemetry's; the peers those in here. */
const packages = {
  name: 'packages',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, importer, kind, pluginData }) => {
      if (pluginData === 'own' || kind === 'entry-point') return undefined
      if (importer.startsWith(here) || !path.startsWith('@opentelemetry/')) return { path, external: true }
      const own = await resolve(path, { kind, resolveDir: project, pluginData: 'own' })
      return own.errors.length > 0 ? { errors: own.errors } : { path: own.path, external: true }
    })
  },
}

// Inside this folder, so that the packages of its node_modules are found.
const outdir = await mkdtemp(join(here, 'node_modules', '.bench-'))
try {
  await build({
    // The sink is an entry, so that it stays a module of its own: it runs in another process.
    entryPoints: [join(here, entry), join(here, 'sink.ts')],
    outdir,
    bundle: true,
    splitting: true,
    plugins: [packages],
    // Without esbuild's own condition `module`: what Node would load.
    conditions: [],
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outExtension: { '.js': '.mjs' },
    outbase: here,
    entryNames: '[dir]/[name]',
  })
  const script = join(outdir, entry.replace(/\.ts$/, '.mjs'))
  const child = spawn(process.execPath, ['--enable-source-maps', ...flags, script, ...args], {
    stdio: 'inherit',
  })
  process.exitCode = await new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
} finally {
  await rm(outdir, { recursive: true, force: true })
}
