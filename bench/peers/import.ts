/**
 * Milliseconds that an import takes in a fresh process, and the modules it loads; medians of interleaved runs. The
 * root module is the built one: `npm run build`, then `npm --prefix bench run import -- --runs 9`
 */
import { execFileSync } from 'node:child_process'
import { flag, median } from './workers.ts'

const cases: readonly (readonly [name: string, modules: readonly string[]])[] = [
  [
    'sdk-trace and exporter-trace-otlp-proto',
    ['@opentelemetry/sdk-trace', '@opentelemetry/exporter-trace-otlp-proto'],
  ],
  ['exporter-trace-otlp-proto', ['@opentelemetry/exporter-trace-otlp-proto']],
  ['prom-client', ['prom-client']],
  ['telemachine/machines, with xstate', ['telemachine/machines']],
  ['telemachine', ['telemachine']],
]

function measure(modules: readonly string[]): number {
  const imports = modules.map((name) => `await import(${JSON.stringify(name)})`).join('; ')
  const script = `const start = performance.now(); ${imports}; console.log(performance.now() - start)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }))
}

const runs = flag('runs', 9)
const times = cases.map((): number[] => [])
for (let run = 0; run < runs; run++)
  for (const [i, [, modules]] of cases.entries()) times[i]!.push(measure(modules))

const beside = median(times[0]!)
for (const [i, [name]] of cases.entries()) {
  const ms = median(times[i]!)
  console.log(`${name.padEnd(46)}${ms.toFixed(1).padStart(8)} ms ${(ms / beside).toFixed(2)} ×`)
}
