import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseSync, type Statement } from 'oxc-parser'

/** A declaration file, and what of it is needed so far. */
interface File {
  readonly path: string
  readonly text: string
  readonly statements: readonly Statement[]
  /** Statements that declare a name of this file. */
  readonly declared: ReadonlyMap<string, readonly Statement[]>
  readonly imported: ReadonlyMap<string, Binding>
  readonly exported: ReadonlyMap<string, Binding | string>
  /** The files whose every export is exported here, with the statements that say so. */
  readonly stars: ReadonlyMap<string, Statement>
  readonly needed: Set<Statement>
  /** Names that import and export statements keep: local ones of imports, exported ones of exports. */
  readonly names: Set<string>
}

/** A name of another module; `*` is all of them. */
interface Binding {
  readonly from: string
  readonly name: string
}

type Node = { readonly type: string } & Readonly<Record<string, unknown>>

const nameOf = (node: unknown): string => {
  const { name, value } = node as { name?: string; value?: string }
  return name ?? value ?? ''
}

/** `tsc` declares one variable in a statement, or several. */
const namesOf = (declaration: Node): string[] =>
  declaration.type === 'VariableDeclaration'
    ? (declaration.declarations as Node[]).map(({ id }) => nameOf(id))
    : [nameOf(declaration.id)]

function read(path: string): File {
  const text = readFileSync(path, 'utf8')
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]!.message}`)
  const declared = new Map<string, Statement[]>()
  const imported = new Map<string, Binding>()
  const exported = new Map<string, Binding | string>()
  const stars = new Map<string, Statement>()
  for (const statement of program.body) {
    switch (statement.type) {
      case 'ImportDeclaration':
        for (const specifier of statement.specifiers) {
          const name =
            specifier.type === 'ImportSpecifier'
              ? nameOf(specifier.imported)
              : specifier.type === 'ImportDefaultSpecifier'
                ? 'default'
                : '*'
          imported.set(specifier.local.name, { from: statement.source.value, name })
        }
        break
      case 'ExportNamedDeclaration':
        for (const { local, exported: name } of statement.specifiers) {
          const { source } = statement
          exported.set(nameOf(name), source ? { from: source.value, name: nameOf(local) } : nameOf(local))
        }
        if (statement.declaration)
          for (const name of namesOf(statement.declaration as unknown as Node)) {
            exported.set(name, name)
            declared.set(name, [...(declared.get(name) ?? []), statement])
          }
        break
      case 'ExportAllDeclaration':
        stars.set(fileOf(path, statement.source.value)!, statement)
        break
      case 'ExportDefaultDeclaration':
      case 'ExpressionStatement':
        throw new Error(`${path}: ${statement.type} is not expected in a declaration file`)
      default:
        for (const name of namesOf(statement as unknown as Node))
          declared.set(name, [...(declared.get(name) ?? []), statement])
    }
  }
  return {
    path,
    text,
    statements: program.body,
    declared,
    imported,
    exported,
    stars,
    needed: new Set(),
    names: new Set(),
  }
}

/** Where a relative specifier leads; undefined for a package. */
const fileOf = (path: string, specifier: string): string | undefined =>
  specifier.startsWith('.') ? join(dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts')) : undefined

/** Marks what the exports of these files need, in them and in the files they import. */
export function mark(entries: readonly string[]): Map<string, File> {
  const files = new Map<string, File>()
  const open = (path: string): File => {
    const file = files.get(path) ?? read(path)
    files.set(path, file)
    return file
  }

  const needBinding = (file: File, { from, name }: Binding): void => {
    const path = fileOf(file.path, from)
    if (path === undefined) return
    const target = open(path)
    for (const each of name === '*' ? exportsOf(target) : [name]) needExport(target, each)
  }

  const exportsOf = (file: File): string[] => [
    ...file.exported.keys(),
    ...[...file.stars.keys()].flatMap((path) => exportsOf(open(path))),
  ]

  const needExport = (file: File, name: string): void => {
    const binding = file.exported.get(name)
    if (binding === undefined) {
      const star = [...file.stars].find(([path]) => exportsOf(open(path)).includes(name))
      if (star === undefined) throw new Error(`${file.path} does not export ${name}`)
      file.needed.add(star[1])
      needExport(open(star[0]), name)
      return
    }
    if (typeof binding === 'string') needLocal(file, binding)
    if (file.names.has(`export ${name}`)) return
    file.names.add(`export ${name}`)
    if (typeof binding !== 'string') needBinding(file, binding)
  }

  const needLocal = (file: File, name: string): void => {
    const binding = file.imported.get(name)
    if (binding !== undefined && !file.names.has(`import ${name}`)) {
      file.names.add(`import ${name}`)
      needBinding(file, binding)
    }
    for (const statement of file.declared.get(name) ?? []) {
      if (file.needed.has(statement)) continue
      file.needed.add(statement)
      visit(file, statement)
    }
  }

  /** Takes every identifier for a reference: what is only a property's or parameter's name keeps a little too much. */
  const visit = (file: File, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) {
      for (const each of value) visit(file, each)
      return
    }
    const node = value as Node
    if (node.type === 'Identifier') needLocal(file, nameOf(node))
    if (node.type === 'TSImportType')
      needBinding(file, { from: nameOf(node.source), name: firstOf(node.qualifier) })
    for (const [key, child] of Object.entries(node)) {
      const isPlainKey = key === 'key' && node.computed === false
      const isQualifier = key === 'qualifier' && node.type === 'TSImportType'
      if (!isPlainKey && !isQualifier) visit(file, child)
    }
  }

  for (const path of entries) {
    const file = open(path)
    for (const name of exportsOf(file)) needExport(file, name)
  }
  return files
}

/** A name that a declaration file exports, and where it is declared. */
export interface ExportedName {
  readonly name: string
  /** The text of the file with the declaration. */
  readonly text: string
  /** The statements that declare it; more than one for overloads. None for a name of another package. */
  readonly statements: readonly Statement[]
}

/** The exported names of a declaration file, each with its declaration. */
export function declarationsOf(path: string): ExportedName[] {
  const files = mark([path])

  const namesIn = (file: File): string[] => [
    ...file.exported.keys(),
    ...[...file.stars.keys()].flatMap((star) => namesIn(files.get(star)!)),
  ]

  const find = (file: File, exported: string): ExportedName => {
    const binding = file.exported.get(exported)
    if (binding === undefined) {
      const [star] = [...file.stars.keys()].filter((each) => namesIn(files.get(each)!).includes(exported))
      return find(files.get(star!)!, exported)
    }
    const local = typeof binding === 'string' ? (file.imported.get(binding) ?? binding) : binding
    if (typeof local === 'string')
      return { name: exported, text: file.text, statements: file.declared.get(local) ?? [] }
    const target = fileOf(file.path, local.from)
    return target === undefined
      ? { name: exported, text: '', statements: [] }
      : find(files.get(target)!, local.name)
  }

  const start = files.get(path)!
  return namesIn(start).map((name) => ({ ...find(start, name), name }))
}

/** `A` of `import('x').A.B`. */
function firstOf(qualifier: unknown): string {
  if (qualifier === null) return '*'
  const node = qualifier as Node
  return node.type === 'TSQualifiedName' ? firstOf(node.left) : nameOf(node)
}

/** The needed part of a file. */
function print({ text, statements, needed, names }: File): string {
  const parts: string[] = []
  let end = 0
  for (const statement of statements) {
    const whole = text.slice(end, statement.end).trim()
    end = statement.end
    if (needed.has(statement)) parts.push(whole)
    else if (statement.type === 'ImportDeclaration' || statement.type === 'ExportNamedDeclaration') {
      const keeps = (specifier: (typeof statement.specifiers)[number]): boolean =>
        names.has(
          specifier.type === 'ExportSpecifier'
            ? `export ${nameOf(specifier.exported)}`
            : `import ${specifier.local.name}`,
        )
      const { specifiers } = statement
      const kept = specifiers.filter(keeps)
      // A statement without names, `export {}`, is written below where it is needed.
      if (kept.length === specifiers.length && kept.length > 0) parts.push(whole)
      else if (kept.length > 0) parts.push(withNames(text, statement, kept))
    }
  }
  const isModule = parts.some((part) => /^(import|export)\b/m.test(part))
  return `${[...parts, ...(isModule ? [] : ['export {};'])].join('\n')}\n`
}

/** An import or export of fewer names. A default import is never left over: nothing here has one beside other names. */
function withNames(
  text: string,
  { start, end, specifiers }: Statement & { specifiers: readonly Span[] },
  kept: readonly Span[],
): string {
  const names = kept.map((specifier) => text.slice(specifier.start, specifier.end)).join(', ')
  return `${text.slice(start, specifiers[0]!.start)}${names}${text.slice(specifiers.at(-1)!.end, end)}`
}

interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Removes from a folder of declarations what the exports of the entry points do not need: a user's compiler reads the
 * types of the public names, and not those of xstate behind the private ones.
 */
export function pruneDeclarations(folder: string, entries: readonly string[]): void {
  const files = mark(entries.map((name) => join(folder, name)))
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name)
    if (!name.endsWith('.d.ts')) continue
    const file = files.get(path)
    if (file === undefined || (file.needed.size === 0 && file.names.size === 0)) rmSync(path)
    else writeFileSync(path, print(file))
  }
}
