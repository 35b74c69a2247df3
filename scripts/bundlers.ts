import { readFile, writeFile } from 'node:fs/promises'
import { builtinModules, createRequire } from 'node:module'
import { build, type Plugin } from 'esbuild'
import { embedVisualizations } from './embed.ts'
import { entries, root, target } from './entries.ts'
import { noticesOf } from './notices.ts'

/** Packages that bundlers can take as they are. */
const outside = ['xstate', 'smol-toml', '@opentelemetry/api']

const modulesOfNode = new Set(builtinModules)

/** Where a bundle looks for what it cannot contain: where the application was started. */
const cwd = "process.cwd() + '/'"

/** Webpack follows a `createRequire` that is imported by its name, and warns of what it does not find. */
const runTimeImports = "import nodeModule from 'node:module'\nimport { pathToFileURL } from 'node:url'\n"

/** An import that bundlers leave alone; it finds the package where the application was started. Needs {@link runTimeImports}. */
const importAtRunTime = (name: string): string =>
  `import(/* webpackIgnore: true */ /* @vite-ignore */ pathToFileURL(nodeModule.createRequire(${cwd}).resolve('${name}')).href)`

/** `require` of these becomes an ES module's import, which every bundler understands in every output format. */
const requireAsImport: Plugin = {
  name: 'require as import',
  setup: (build) => {
    build.onResolve({ filter: /^[@a-z]/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, '')
      if (kind !== 'require-call') return undefined
      if (modulesOfNode.has(name)) return { path: name, namespace: 'required' }
      return outside.includes(name) ? { path: name, namespace: 'imported' } : undefined
    })
    // What a module of Node.js is to `require` is the default export to `import`; some are functions.
    build.onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require('imported:${path}').default`,
      resolveDir: root,
    }))
    build.onResolve({ filter: /^imported:/ }, ({ path }) => ({
      path: `node:${path.slice('imported:'.length)}`,
      namespace: 'imported',
    }))
    build.onLoad({ filter: /.*/, namespace: 'imported' }, ({ path }) => ({
      contents: path.startsWith('node:') ? `export { default } from '${path}'` : `export * from '${path}'`,
      resolveDir: root,
    }))
  },
}

/** CommonJS packages that are imported when first needed: esbuild would give such an import a default export only. */
const importedLater = new Set(['convict', 'hot-shots', 'prom-client'])

const namedExports: Plugin = {
  name: 'named exports of CommonJS packages',
  setup: (build) => {
    const require = createRequire(import.meta.url)
    build.onResolve({ filter: /^[@a-z]/ }, ({ path, kind }) =>
      kind === 'dynamic-import' && importedLater.has(path) ? { path, namespace: 'named' } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'named' }, ({ path }) => ({
      contents: `import whole from '${path}'
        export const { ${Object.keys(require(path) as object).join(', ')} } = whole
        export default whole`,
      resolveDir: root,
    }))
  },
}

/** Compiled where it is installed, so no bundle can contain it: hot-shots does without, but for Unix sockets. */
const nativeAtRunTime: Plugin = {
  name: 'native at run time',
  setup: (build) => {
    build.onResolve({ filter: /^unix-dgram$/ }, ({ path }) => ({ path, namespace: 'native' }))
    build.onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
      contents: `module.exports = require('node:module').createRequire(${cwd})('${path}')`,
      resolveDir: root,
    }))
  },
}

/** The parser is part of a bundle: it is there before the start, too. */
const bundledToml: Plugin = {
  name: 'bundled TOML',
  setup: (build) => {
    build.onLoad({ filter: /[\\/]config[\\/]sources[\\/]toml\.ts$/ }, () => ({
      contents: `
        import * as toml from 'smol-toml'
        export async function loadToml() {}
        export const tomlNow = () => toml`,
      resolveDir: root,
    }))
  },
}

/** Replaces code that looks for something beside its own file, where a bundle has nothing. */
const replaced = (filter: RegExp, pairs: readonly (readonly [before: string, after: string])[]): Plugin => ({
  name: `replace in ${filter.source}`,
  setup: (build) => {
    build.onLoad({ filter }, async ({ path }) => {
      let contents = await readFile(path, 'utf8')
      for (const [before, after] of pairs) {
        if (!contents.includes(before)) throw new Error(`${path} does not contain ${before} any more`)
        contents = contents.replaceAll(before, after)
      }
      return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' }
    })
  },
})

/**
 * Writes the build that bundlers take (condition `module`): ES modules that any of them can put into one file of
 * either format. It contains the packages that exist in CommonJS only and require modules of Node.js: esbuild cannot
 * translate them for an ES module. Their licences are written beside them.
 */
export async function buildForBundlers(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    bundle: true,
    splitting: true,
    external: outside,
    platform: 'node',
    mainFields: ['module', 'main'],
    format: 'esm',
    target,
    outdir: `${root}dist/bundler`,
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
    plugins: [
      embedVisualizations,
      bundledToml,
      requireAsImport,
      namedExports,
      nativeAtRunTime,
      // The inspector is a tool of development, with a WebSocket library of its own.
      replaced(/[\\/]inspect[\\/]peer\.ts$/, [
        ["import { createRequire } from 'node:module'\n", runTimeImports],
        ['createRequire(', 'nodeModule.createRequire('],
        ['import.meta.url', cwd],
        ["import('@statelyai/inspect')", importAtRunTime('@statelyai/inspect')],
      ]),
      // Optional, and not to be found by the bundler of an application that does without.
      replaced(/[\\/]nats-client[\\/]packages\.ts$/, [
        ['import { TelemetryError }', `${runTimeImports}import { TelemetryError }`],
        ...['@nats-io/transport-node', '@nats-io/jetstream'].map((name): [string, string] => [
          `await import('${name}')`,
          `await ${importAtRunTime(name)}`,
        ]),
      ]),
      // Part of the bundle, it is there before the start, too.
      replaced(/[\\/]config[\\/]convict\.ts$/, [
        ["createRequire(import.meta.url)('convict') as Convict", 'bundled as unknown as Convict'],
        ["import { createRequire } from 'node:module'", "import bundled from 'convict'"],
      ]),
      // Reads files of programs that use the parser directly, which convict does not.
      replaced(/[\\/]yargs-parser[\\/]build[\\/]index\.cjs$/, [
        ["typeof require !== 'undefined'", 'false'],
        ['return require(path)', 'return undefined'],
      ]),
    ],
    metafile: true,
  })
  const included: string[] = []
  for (const [output, { inputs }] of Object.entries(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs))
      if (bytesInOutput > 0) included.push(input)
    const text = await readFile(root + output, 'utf8')
    const found = /(?<![.\w])require\(|import\.meta/.exec(text)
    if (found) throw new Error(`${output} has ${found[0]}, which not every bundler can translate`)
  }
  await writeFile(`${root}dist/bundler/THIRD-PARTY-LICENSES.txt`, await noticesOf(included))
}
