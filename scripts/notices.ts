import { readdir, readFile } from 'node:fs/promises'
import { root } from './entries.ts'

const folderOf = /^.*node_modules\/(?:@[^/]+\/)?[^/]+\//
const rule = '-'.repeat(80)

/** The licences of the packages that these files belong to, as a text to distribute with copies of them. */
export async function noticesOf(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => folderOf.exec(file)?.[0] ?? []))
  const packagesOf = new Map<string, string[]>()
  for (const folder of [...folders].toSorted()) {
    const { name, text } = await licenceOf(folder)
    packagesOf.set(text, [...(packagesOf.get(text) ?? []), name])
  }
  const notices = [...packagesOf].map(([text, names]) => `${rule}\n${names.join('\n')}\n${rule}\n\n${text}\n`)
  return `The files in this folder contain code of the packages below, each under its licence.\n\n${notices.join('\n')}`
}

async function licenceOf(folder: string): Promise<{ name: string; text: string }> {
  const manifest = JSON.parse(await readFile(`${root}${folder}package.json`, 'utf8')) as Record<
    string,
    unknown
  >
  const name = `${String(manifest.name)} ${String(manifest.version)} (${String(manifest.license)})`
  const file = (await readdir(root + folder)).find((each) => /^(licen[cs]e|copying)/i.test(each))
  if (file === undefined) throw new Error(`${name} has no licence file`)
  return { name, text: (await readFile(`${root}${folder}${file}`, 'utf8')).trim() }
}
