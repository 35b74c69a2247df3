import { readFileSync } from 'node:fs'

/**
 * Reads a file of the live page or a chart by its path in `visualizations/`; undefined if it does not exist.
 * The build replaces this module by one that contains the files, so that a bundled application needs no files of ours.
 */
export function readVisualization(path: string): Buffer | undefined {
  try {
    return readFileSync(new URL(`../../visualizations/${path}`, import.meta.url))
  } catch {
    return undefined
  }
}
