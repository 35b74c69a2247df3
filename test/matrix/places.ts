import { join } from 'node:path'
import { createFolder, root } from '../package/packed.ts'

/** Tools and versions of Node.js are kept between runs, out of the way of the project's own packages. */
export const workshop = join(root, 'node_modules/.cache/telemachine-matrix')

/** A file of a tool in tools/package.json. */
export const tool = (path: string): string => join(workshop, 'tools/node_modules', path)

/** The applications of one run, where nothing of this repository can be found by accident. `run.ts` names the folder. */
export const applications = process.env.TELEMACHINE_MATRIX ?? createFolder()

/** Lines of OpenTelemetry's OTLP packages, and the oldest Node.js that each supports. */
export const lines = [
  { line: '0.223', node: [20, 6], overrides: {} },
  {
    line: '0.301',
    node: [22, 15],
    // As docs/dependencies.md tells users to.
    overrides: { '@opentelemetry/exporter-trace-otlp-proto': '0.301.1', '@opentelemetry/api': '^1.10.0' },
  },
] as const

export type Line = (typeof lines)[number]

/** A run in a few minutes: what only npm or a compiler can break is tested in one way instead of all. */
export const isSmoke = process.env.TELEMACHINE_SMOKE !== undefined

/** An application in which npm has installed the tarball and a line of OTLP. */
export const applicationOf = ({ line }: Pick<Line, 'line'>): string => join(applications, `otlp-${line}`)

export const isSupported = ({ node: [major, minor] }: Line): boolean => {
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number) as [number, number]
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

/** The service of test/package/fixtures, as the tools bundle it. */
export const bundles = [
  { tool: 'esbuild, as an ES module', folder: join(applications, 'esbuild-esm'), file: 'service.mjs' },
  { tool: 'esbuild, as CommonJS', folder: join(applications, 'esbuild-cjs'), file: 'service.cjs' },
  { tool: 'webpack, as an ES module', folder: join(applications, 'webpack-esm'), file: 'service.mjs' },
  { tool: 'webpack, as CommonJS', folder: join(applications, 'webpack-cjs'), file: 'service.cjs' },
  { tool: 'Vite, as an ES module', folder: join(applications, 'vite'), file: 'service.mjs' },
] as const
