import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { entries, root } from './entries.ts'

const banner = '// Generated: the names of the CommonJS build, so that both are one copy in a process.\n'

/** Writes what Node's `import` loads: ES modules that hand on what the CommonJS build exports, and their types. */
export async function buildWrappers(): Promise<void> {
  await mkdir(`${root}dist/esm`, { recursive: true })
  const require = createRequire(import.meta.url)
  for (const name of Object.keys(entries)) {
    const names = Object.keys(require(`${root}dist/cjs/${name}.js`) as object).toSorted()
    await writeFile(
      `${root}dist/esm/${name}.js`,
      `${banner}import commonJs from '../cjs/${name}.js'\n\nexport const {\n${names.map((each) => `  ${each},\n`).join('')}} = commonJs\n`,
    )
    await writeFile(`${root}dist/esm/${name}.d.ts`, `export * from '../cjs/${name}.js'\n`)
    const declared = entries[name]!.replace(/\.ts$/, '.js')
    await writeFile(`${root}dist/cjs/${name}.d.ts`, `export * from './types/${declared}'\n`)
  }
}
