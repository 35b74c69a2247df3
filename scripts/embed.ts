import { readdirSync, readFileSync } from 'node:fs'
import type { Plugin } from 'esbuild'
import { root } from './entries.ts'

const folder = `${root}visualizations/`

/** Everything the admin server can serve: the charts, and the files of the live page. */
function contents(): Record<string, string> {
  const names = [
    ...readdirSync(folder).filter((name) => name.endsWith('.svg')),
    ...readdirSync(`${folder}page`).map((name) => `page/${name}`),
  ]
  return Object.fromEntries(names.map((name) => [name, textOf(folder + name)]))
}

function textOf(path: string): string {
  const bytes = readFileSync(path)
  const text = bytes.toString('utf8')
  if (!Buffer.from(text).equals(bytes))
    throw new Error(`${path} is not UTF-8 text, as all files of the page are`)
  return text
}

/** Replaces `src/admin/visualizations.ts`, which reads files, by a module that contains them. */
export const embedVisualizations: Plugin = {
  name: 'embed visualizations',
  setup: (build) => {
    build.onLoad({ filter: /[\\/]src[\\/]admin[\\/]visualizations\.ts$/ }, () => ({
      loader: 'ts',
      contents: `
        const texts = new Map<string, string>(Object.entries(${JSON.stringify(contents(), null, 2)}))
        export function readVisualization(path: string): Buffer | undefined {
          const text = texts.get(path)
          return text === undefined ? undefined : Buffer.from(text)
        }`,
    }))
  },
}
