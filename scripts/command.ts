import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { build } from 'esbuild'
import { root, target } from './entries.ts'

const published = `${root}dist/command/telemachine.cjs`

/**
 * Writes the `telemachine` command as one file. It is CommonJS: what a command imports later is then run later, with the
 * packages that it requires, so that `--help` loads nothing. Packages stay outside.
 */
export async function buildCommand(file = published): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target,
    outfile: file,
    banner: { js: '#!/usr/bin/env node' },
    // There is no import.meta in CommonJS; every use of it is replaced below.
    logOverride: { 'empty-import-meta': 'silent' },
    logLevel: 'warning',
    write: false,
  })
  const code = outputFiles[0]!.text.replaceAll(
    /\(0, import_(?:node_)?module\d*\.createRequire\)\(import_meta\d*\.url\)/g,
    'require',
  )
  if (/import_meta\d*\.url/.test(code))
    throw new Error(`${file} needs import.meta, which CommonJS does not have`)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, code)
  await chmod(file, 0o755)
}
