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
  return Object.fromEntries(names.map((name) => [name, readFileSync(folder + name, 'utf8')]))
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
