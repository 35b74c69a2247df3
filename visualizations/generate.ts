import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AnyStateMachine } from 'xstate'
import { breakerMachine, exporterMachine, supervisorMachine, systemMachine } from '../machines/index.ts'
import { chartOf } from './chart.ts'
import { mermaidOf } from './mermaid.ts'

/** The charts of the control plane, by the name of their files. */
export const machines: Readonly<Record<string, AnyStateMachine>> = {
  breaker: breakerMachine,
  exporter: exporterMachine,
  supervisor: supervisorMachine,
  system: systemMachine,
}

/** Every generated file, by name. Byte for byte the same on each run. */
export async function generate(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const [name, machine] of Object.entries(machines)) {
    files.set(`${name}.mmd`, mermaidOf(chartOf(machine)))
  }
  return files
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL('./', import.meta.url)
  await mkdir(folder, { recursive: true })
  for (const [name, content] of await generate()) await writeFile(new URL(name, folder), content)
}
