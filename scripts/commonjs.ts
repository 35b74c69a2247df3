import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { build, transform } from 'esbuild'
import { embedVisualizations } from './embed.ts'
import { entries, root, target } from './entries.ts'

/** It is published as ES modules only: `require` would need a Node.js that can, which Jest is not. */
const esModulePackage = 'import("@statelyai/inspect")'

/**
 * Writes the CommonJS build, which `require` and Node's `import` (through {@link buildWrappers}) both load, so that a
 * process has one copy of telemachine however it is loaded. Packages stay outside.
 *
 * esbuild splits code for ES modules only, and what several entry points use must exist once: so each of the split
 * files is translated on its own. `import()` becomes `require`, because Jest cannot run it.
 */
export async function buildCommonJs(): Promise<void> {
  const outdir = `${root}dist/cjs`
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target,
    outdir,
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
    plugins: [embedVisualizations],
    write: false,
  })
  for (const { path, text } of outputFiles) {
    const { code } = await transform(text.replaceAll(/createRequire\d*\(import\.meta\.url\)/g, 'require'), {
      format: 'cjs',
      platform: 'node',
      target,
      supported: { 'dynamic-import': text.includes(esModulePackage) },
      logLevel: 'warning',
    })
    if (/import[._]meta/.test(code))
      throw new Error(`${path} needs import.meta, which CommonJS does not have`)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, code)
  }
  await writeFile(`${outdir}/package.json`, '{ "type": "commonjs" }\n')
}
