import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createFolder } from '../package/packed.ts'

const isWindows = process.platform === 'win32'

type Environment = Readonly<Record<string, string | undefined>>

/** What a user types, and what parts of git that are shell scripts call. */
const commands = [
  'npm',
  'npx',
  'git',
  'sh',
  'env',
  'sed',
  'uname',
  'basename',
  'dirname',
  'cat',
  'grep',
  'tr',
  'rm',
]

/** The file of a command, as the shell that runs this finds it. */
const fileOf = (command: string): string =>
  realpathSync(execFileSync('/bin/sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim())

/** The variables of this process that match. */
const variables = (matches: (name: string) => boolean): Environment =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => matches(name)))

/** How the machine reaches its network: proxies, and the certificates that it trusts. */
const network =
  /^(https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|npm_config_(registry|.*proxy|ca|cafile|strict_ssl))$/i

/** How npm reaches the registry: its settings for that, and what it has downloaded already. */
function registryOf(): Environment {
  const config = (key: string): string =>
    execFileSync('npm', ['config', 'get', key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      shell: isWindows,
    }).trim()
  return {
    ...variables((name) => network.test(name)),
    npm_config_userconfig: config('userconfig'),
    npm_config_cache: config('cache'),
  }
}

/**
 * The environment of a machine on which nothing is installed but the running Node.js, npm and git: an empty home, and
 * no other program in the PATH. `npm run` of this repository would add the tools of this repository to it.
 */
export function createBareMachine(): Environment {
  const home = createFolder()
  if (isWindows) {
    const path = process.env.PATH!.split(delimiter).filter((folder) => !folder.includes('node_modules'))
    const others = variables((name) => !/^(npm_|NODE_ENV)/i.test(name))
    return { ...others, ...registryOf(), USERPROFILE: home, PATH: path.join(delimiter) }
  }
  const programs = join(home, 'bin')
  mkdirSync(programs)
  symlinkSync(process.execPath, join(programs, 'node'))
  for (const command of commands) symlinkSync(fileOf(command), join(programs, command))
  return { ...registryOf(), HOME: home, PATH: programs, TMPDIR: process.env.TMPDIR }
}
