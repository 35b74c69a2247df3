import type { Position } from '../../config/layers.ts'
import { readConfigText } from '../../config/sources/file.ts'
import { jsonPositions } from '../../config/sources/positions/json.ts'
import type { Positions } from '../../config/sources/positions/positions.ts'
import { tomlPositions } from '../../config/sources/positions/toml.ts'
import type { ConfigProblem } from '../../errors.ts'

/** A problem or a warning, and where to mend it. */
export interface Finding {
  readonly level: 'error' | 'warning'
  readonly code?: string
  readonly path?: string
  /** Without the place. */
  readonly message: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

type Places = Pick<Positions, 'locate'>

const nowhere: Places = { locate: () => undefined }

/** Where the keys of a file stand. Nothing is found in a file that cannot be read. */
export function positionsOf(file: string): Places {
  try {
    const text = readConfigText(file).replace(/^\ufeff/, '')
    return /\.json$/i.test(file) ? jsonPositions(text) : tomlPositions(text)
  } catch {
    return nowhere
  }
}

/** The first path in a text. */
const pathIn = (text: string): string | undefined => /\btelemetry(?:\.[\w-]+){1,2}/.exec(text)?.[0]

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The library's sentences name their place in the middle; here it stands at the beginning of the line. */
function withoutPlace(message: string, file: string): string {
  const place = new RegExp(
    `^(?:${escaped(file)}(?::\\d+:\\d+)?: )|(?: \\(${escaped(file)}(?::\\d+:\\d+)?\\))`,
  )
  return message.replace(place, '')
}

export function problemFinding(problem: ConfigProblem, file: string, positions: Places): Finding {
  const { code, path, message, source } = problem
  const at: Position | undefined =
    problem.line === undefined
      ? source === 'environment'
        ? undefined
        : positions.locate(path.split('.'))
      : { line: problem.line, column: problem.column ?? 1 }
  return {
    level: 'error',
    code,
    path,
    message: withoutPlace(message, file),
    ...(source !== 'environment' && { file }),
    ...at,
  }
}

export function warningFinding(message: string, file: string, positions: Places): Finding {
  const path = pathIn(message)
  const isAboutVariable = /environment variable/.test(message)
  const at = path === undefined || isAboutVariable ? undefined : positions.locate(path.split('.'))
  return {
    level: 'warning',
    ...(path !== undefined && { path }),
    message: withoutPlace(message, file),
    ...(!isAboutVariable && { file }),
    ...at,
  }
}

/** `file:line:column`, as editors and terminals link it. */
export const placeOf = ({ file, line, column }: Finding): string =>
  file === undefined ? 'environment' : line === undefined ? file : `${file}:${line}:${column ?? 1}`
