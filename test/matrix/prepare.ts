import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packedTarball, root } from '../package/packed.ts'
import { applicationOf, type Line, lines, tool, webpackBundles, workshop } from './places.ts'

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

/** One minified bundle of each format would take a minute: nothing is minified but by esbuild, in test/package. */
async function bundleWithWebpack(): Promise<void> {
  rmSync(webpackBundles, { recursive: true, force: true })
  const webpack = createRequire(import.meta.url)(tool('webpack')) as (
    options: object,
    done: (error: Error | null, stats?: { toString(options: object): string; hasErrors(): boolean }) => void,
  ) => void
  const esModule = {
    experiments: { outputModule: true },
    output: { path: join(webpackBundles, 'esm'), filename: 'service.mjs', module: true },
  }
  const commonJs = { output: { path: join(webpackBundles, 'cjs'), filename: 'service.cjs' } }
  for (const format of [esModule, commonJs]) {
    const options = {
      ...{ mode: 'production', target: 'node', optimization: { minimize: false } },
      ...{ context: applicationOf(lines[0]), entry: './service.mjs' },
      ...format,
    }
    await new Promise<void>((resolve, reject) => {
      webpack(options, (error, stats) => {
        const problems = stats?.toString({ all: false, errors: true, warnings: true })
        if (error || problems) reject(error ?? new Error(problems))
        else resolve()
      })
    })
  }
}

/** Builds and packs, and installs everything that the tests of the matrix use. */
export async function prepare(): Promise<void> {
  execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'ignore', shell: process.platform === 'win32' })
  installTools()
  for (const line of lines) createApplication(line)
  await bundleWithWebpack()
}
