// Writes docs/api.md from the declarations that `npm run build` made: `npm run build && npx tsx docs/api-reference.ts`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declarationsOf, type ExportedName } from '../scripts/declarations.ts'
import { entries, root } from '../scripts/entries.ts'

const page = fileURLToPath(new URL('./api.md', import.meta.url))

/** A longer declaration is a type that the compiler inferred from a statechart: nobody reads it. */
const longestDeclaration = 6_000

const introductions: Readonly<Record<string, string>> = {
  index: 'Telemetry systems, exporter types, errors, and the types of all of them.',
  machines:
    'The statecharts, for tools that draw, simulate or test them: [ARCHITECTURE.md](../ARCHITECTURE.md).',
  testing:
    'An OTLP receiver, a clock that moves by hand, and models that test exporters: [testing](testing.md), [models](model-testing.md).',
  admin: 'The admin API and the live page: [admin](admin.md).',
  inspect: 'Statecharts in the Stately inspector: [inspect](inspect.md).',
  opentelemetry: 'Beside an OpenTelemetry SDK: [opentelemetry](opentelemetry.md).',
  bridges: 'HTTP servers and clients without a line in their handlers: [bridges](bridges.md).',
  nats: 'One configuration for a fleet, and durable transport, on NATS JetStream: [fleet](fleet.md).',
}

/** An exported name of an entry point, with the docstring and the declaration of it. */
export interface Documented {
  readonly name: string
  /** The docstring in Markdown; empty without one. */
  readonly text: string
  /** The declaration, with the docstrings of its members. */
  readonly code: string
}

/** The text of a JSDoc comment as Markdown. */
function markdownOf(comment: string): string {
  const text = comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim()
  return text
    .replaceAll(/\{@link ([^}]+)\}/g, '`$1`')
    .replaceAll(/\s*@throws /g, '\n\nThrows ')
    .replaceAll(/\s*@returns? /g, '\n\nReturns ')
    .replaceAll(/\s*@param (\w+)/g, '\n- `$1`:')
    .replace(/\n- `/, '\n\n- `')
}

const commentBefore = (text: string, start: number): string =>
  /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(text.slice(0, start))?.[0].trim() ?? ''

/** Declarations end with semicolons and are indented by four columns; the sources are not. */
const styled = (code: string): string =>
  code
    .replaceAll(/^((?: {4})+)/gm, (indent) => ' '.repeat(indent.length / 2))
    .replaceAll(/;$/gm, '')
    .replace(/^export (declare )?/, '')

function documentedOf({ name, text, statements }: ExportedName): Documented {
  // Overloads are several statements.
  const comments = statements.map(({ start }) => markdownOf(commentBefore(text, start)))
  const whole = statements.map(({ start, end }) => styled(text.slice(start, end))).join('\n')
  const code =
    whole.length > longestDeclaration ? `const ${name} // its type is inferred from the statechart` : whole
  return { name, text: comments.filter(Boolean).join('\n\n'), code }
}

/** The exported names of an entry point, in the order of the alphabet; functions and values come first. */
export function exportsOf(entry: string): Documented[] {
  const declarations = join(root, 'dist/cjs/types', entries[entry]!.replace(/\.ts$/, '.d.ts'))
  const isType = ({ code }: Documented): boolean => /^(interface|type)\b/.test(code)
  return declarationsOf(declarations)
    .map(documentedOf)
    .sort((a, b) => Number(isType(a)) - Number(isType(b)) || (a.name < b.name ? -1 : 1))
}

const section = ({ name, text, code }: Documented): string =>
  [`### \`${name}\``, text, `\`\`\`ts\n${code}\n\`\`\``].filter(Boolean).join('\n\n')

const specifierOf = (entry: string): string => (entry === 'index' ? 'telemachine' : `telemachine/${entry}`)

/** The reference of all exported names, in Markdown. */
export function apiReference(): string {
  const names = Object.keys(entries)
  const contents = names.map((entry) => {
    const specifier = specifierOf(entry)
    return `- [\`${specifier}\`](#${specifier.replace('/', '')}): ${introductions[entry]!}`
  })
  const sections = names.map((entry) =>
    [`## ${specifierOf(entry)}`, introductions[entry]!, ...exportsOf(entry).map(section)].join('\n\n'),
  )
  return `${[
    '# API reference',
    'Every name that the package exports, by entry point: functions and values first, then types. Generated from the declarations by `docs/api-reference.ts`. The keys of a configuration are in [configuration](configuration.md), the codes of errors in [errors](errors.md).',
    contents.join('\n'),
    ...sections,
  ].join('\n\n')}\n`
}

export const readApiReference = (): string => readFileSync(page, 'utf8')

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, apiReference())
