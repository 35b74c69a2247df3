import { execFile, execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly [key: string]: unknown
}

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** The entry points as a user names them: `telemachine`, `telemachine/testing`, … */
export const entryPoints: readonly string[] = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => name.replace(/^\./, 'telemachine'))

const folders: string[] = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A new temporary folder, which is removed when the process exits. */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'telemachine-package-'))
  folders.push(folder)
  return folder
}

let packed: { readonly tarball: string; readonly files: readonly string[] } | undefined

/** `npm test` names a folder in which its processes find what one of them has packed. */
const shared = process.env.TELEMACHINE_PACKED

/** Packs what was built, once in a process or in a run of all tests: the tarball, and the paths of the files in it. */
function pack(): NonNullable<typeof packed> {
  if (packed !== undefined) return packed
  if (shared !== undefined && existsSync(join(shared, 'packed.json')))
    packed = JSON.parse(readFileSync(join(shared, 'packed.json'), 'utf8')) as NonNullable<typeof packed>
  else packed = packAnew(shared === undefined ? createFolder() : mkdtempSync(join(shared, 'one-')))
  return packed
}

function packAnew(folder: string): NonNullable<typeof packed> {
  if (!existsSync(join(root, 'dist'))) throw new Error('nothing is built yet: npm run build')
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  })
  const [{ filename, files }] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }]
  const result = { tarball: join(folder, filename), files: files.map(({ path }) => path) }
  if (shared !== undefined) {
    writeFileSync(join(folder, 'packed.json'), JSON.stringify(result))
    renameSync(join(folder, 'packed.json'), join(shared, 'packed.json'))
  }
  return result
}

export const packedTarball = (): string => pack().tarball
export const packedFiles = (): readonly string[] => pack().files

/**
 * A folder of an application that has installed the tarball and these optional packages, and the fixtures.
 * Dependencies are links to those of this repository: what npm makes of the tarball, `npm run test:matrix` tests.
 */
export function createApplication(...optional: readonly string[]): string {
  const folder = createFolder()
  const own = join(folder, 'node_modules', manifest.name)
  mkdirSync(own, { recursive: true })
  execFileSync('tar', ['-xzf', packedTarball(), '-C', own, '--strip-components=1'])
  for (const name of [...Object.keys(manifest.dependencies), ...optional]) {
    const installed = join(root, 'node_modules', name)
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(installed, link, 'junction')
  }
  cpSync(fixtures, folder, { recursive: true })
  return folder
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs this Node.js with these arguments, without the environment's settings of telemetry. */
export function runNode(cwd: string, ...args: readonly string[]): Promise<Ended> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TELEMETRY|OTEL|DD|NODE_OPTIONS)/.test(name)),
  )
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, env, timeout: 240_000 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr })
    })
  })
}
