import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AnyStateMachine } from 'xstate'
import {
  breakerMachine,
  deliveryMachine,
  exporterMachine,
  failoverMachine,
  spoolMachine,
  systemMachine,
} from '../machines/index.ts'
import { definitionOf } from '../src/inspect/definition.ts'
import { chartOf } from './chart.ts'
import type { Columns } from './columns.ts'
import { place } from './layout.ts'
import { mermaidOf } from './mermaid.ts'
import { svgOf } from './svg.ts'

/** The charts of the control plane, by the name of their files. */
export const machines: Readonly<Record<string, AnyStateMachine>> = {
  breaker: breakerMachine,
  delivery: deliveryMachine,
  exporter: exporterMachine,
  failover: failoverMachine,
  spool: spoolMachine,
  system: systemMachine,
}

/** A definition as code, to paste into Stately Studio; it runs as it is. */
const sourceOf = (name: string, definition: object): string =>
  `import { createMachine } from 'xstate'\n\nexport const ${name}Machine = createMachine(${JSON.stringify(definition, null, 2)})\n`

/** Where a chart is too large to be laid out by itself. */
export const columns: Readonly<Record<string, Columns>> = {
  delivery: [['halted', 'draining'], ['working']],
  exporter: [
    ['recovering', 'stopping', 'stopped'],
    ['starting', 'deciding', 'disabled', 'enabling', 'leaving'],
    ['active'],
  ],
}

/** Every generated file, by name. Byte for byte the same on each run. */
export async function generate(): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const [name, machine] of Object.entries(machines)) {
    const chart = chartOf(machine)
    files.set(`${name}.svg`, svgOf(name, await place(chart, columns[name])))
    files.set(`${name}.mmd`, mermaidOf(chart))
    const definition = definitionOf(machine)
    files.set(`${name}.json`, `${JSON.stringify(definition, null, 2)}\n`)
    files.set(`${name}.machine.js`, sourceOf(name, definition))
  }
  return files
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL('./', import.meta.url)
  for (const [name, content] of await generate()) await writeFile(new URL(name, folder), content)
}
