/**
 * Builds the package when npm prepares it: after `npm ci` in a clone, before it is packed, and when another project
 * installs the clone. In the last case nothing is installed in the clone. Then its packages are installed here, and
 * the ones for development only are removed again.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { resolve } = createRequire(import.meta.url)
const tools = ['esbuild', 'tsx', 'typescript/package.json', '@types/node/package.json']
const needed = ['xstate', 'prom-client']

const has = (names) =>
  names.every((name) => {
    try {
      return resolve(name) !== ''
    } catch {
      return false
    }
  })

/** Milliseconds since the epoch of the latest change below a folder; 0 if it does not exist. */
function changedAt(folder) {
  try {
    const files = readdirSync(root + folder, { recursive: true }).map((name) => `${folder}/${name}`)
    return Math.max(...files.map((file) => statSync(root + file).mtimeMs))
  } catch {
    return 0
  }
}

const isBuilt = () =>
  changedAt('dist/esm') > Math.max(...['src', 'machines', 'scripts', 'visualizations'].map(changedAt))

/** Settings of the npm that runs us are not those of the clone, but for how to reach a registry. */
const inherited =
  /^npm_config_(cache|registry|userconfig|globalconfig|.*proxy|ca|cafile|strict_ssl|offline|prefer_offline)$/i
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => name !== 'NODE_ENV' && (!/^npm_/i.test(name) || inherited.test(name)),
  ),
)

function npm(...args) {
  const cli = process.env.npm_execpath ?? ''
  const options = { cwd: root, env: environment, stdio: ['ignore', 'inherit', 'inherit'] }
  const { status } = /npm-cli\.js$/.test(cli)
    ? spawnSync(process.execPath, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  if (status === 0) return
  console.error(`telemachine is not built: npm ${args[0]} failed. In ${root}, run: npm ci`)
  process.exit(1)
}

const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

if (has(tools)) npm('run', 'build')
else if (!has(needed) || !isBuilt()) {
  npm('ci', '--include=dev', ...quietly)
  npm('run', 'build')
  npm('prune', '--omit=dev', ...quietly)
}
