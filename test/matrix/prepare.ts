import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build as bundleWithEsbuild } from 'esbuild'
import { packedTarball, root } from '../package/packed.ts'
import { applicationOf, bundles, type Line, lines, tool, workshop } from './places.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Runs npm in a folder; a registry that does not answer is asked again. */
function npm(folder: string, ...args: readonly string[]): void {
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  for (let attempt = 1; ; attempt++) {
    const { status } = spawnSync('npm', [...args, ...flags], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    })
    if (status === 0) return
    if (attempt === 4) throw new Error(`npm ${args.join(' ')} failed`)
  }
}

/** The binary of the latest release of a major version of Node.js; of ours, the one that runs. */
export function nodeOf(major: number): string {
  if (process.version.startsWith(`v${major}.`)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const folder = join(workshop, `node-${major}`)
  const binary = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    npm(folder, 'install', `${name}@${major}`)
  }
  return binary
}

/** Installs the tools at their locked versions, unless they are there. */
export function installTools(): void {
  const folder = join(workshop, 'tools')
  mkdirSync(folder, { recursive: true })
  const locked = readFileSync(join(here, 'tools/package-lock.json'), 'utf8')
  const installed = join(folder, 'installed.json')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === locked) return
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(join(here, 'tools', name), join(folder, name))
  npm(folder, 'ci')
  writeFileSync(installed, locked)
}

/** Has npm install the tarball in an application, and puts the fixtures beside it. */
function createApplication(line: Line): void {
  const folder = applicationOf(line)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const manifest = { private: true, overrides: { telemachine: line.overrides } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  npm(folder, 'install', packedTarball())
  for (const fixtures of [join(root, 'test/package/fixtures'), join(here, 'fixtures')])
    cpSync(fixtures, folder, { recursive: true })
}

type Webpack = (
  options: object,
  done: (error: Error | null, stats?: { toString(of: object): string }) => void,
) => void

async function bundleWithWebpack(output: object, others: object = {}): Promise<void> {
  const webpack = createRequire(import.meta.url)(tool('webpack')) as Webpack
  // It takes a minute to minify; esbuild does so in test/package.
  const options = {
    ...{ mode: 'production', target: 'node', optimization: { minimize: false } },
    ...{ context: applicationOf(lines[0]), entry: './service.mjs', output, ...others },
  }
  const problems = await new Promise<string>((resolve, reject) => {
    webpack(options, (error, stats) => {
      if (error) reject(error)
      else resolve(stats?.toString({ all: false, errors: true, warnings: true }) ?? '')
    })
  })
  if (problems !== '') throw new Error(problems)
}

async function bundleWithVite(outDir: string): Promise<void> {
  const { build } = (await import(pathToFileURL(tool('vite/dist/node/index.js')).href)) as {
    build(options: object): Promise<unknown>
  }
  await build({
    ...{ root: applicationOf(lines[0]), configFile: false, logLevel: 'warn' },
    ...{
      ssr: { noExternal: true },
      build: { ssr: 'service.mjs', outDir, emptyOutDir: true, target: 'node20' },
    },
  })
}

/** Builds and packs, and installs and bundles everything that the tests of the matrix use. */
export async function prepare(): Promise<void> {
  execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'ignore', shell: process.platform === 'win32' })
  installTools()
  for (const line of lines) createApplication(line)
  const [esbuildModule, esbuildCommonJs, esModule, commonJs, vite] = bundles
  for (const { folder, file } of [esbuildModule, esbuildCommonJs])
    await bundleWithEsbuild({
      ...{
        absWorkingDir: applicationOf(lines[0]),
        entryPoints: ['service.mjs'],
        outfile: join(folder, file),
      },
      ...{ bundle: true, platform: 'node', format: file.endsWith('.mjs') ? 'esm' : 'cjs' },
    })
  await bundleWithWebpack(
    { path: esModule.folder, filename: esModule.file, module: true },
    { experiments: { outputModule: true } },
  )
  await bundleWithWebpack({ path: commonJs.folder, filename: commonJs.file })
  await bundleWithVite(vite.folder)
}
