import { readFile, stat } from 'node:fs/promises'
import { type Clock, elapsed } from '../../clock.ts'
import { messageOf, TelemetryError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import {
  type Credentials,
  checkObtained,
  createObtainedRedactor,
  type ObtainedHeaders,
  sameHeaders,
} from './credentials.ts'

/** The file is looked at this often, while there is something to send. */
const lookMs = 1000
const maxBytes = 64 * 1024

const invalid = (why: string): TelemetryError =>
  new TelemetryError('HEADERS_FILE_INVALID', `headers_file ${why}`)

/** Reads JSON, or lines `name = value` or `name: value`. Throws without quoting the text, which is secret. */
export function parseHeadersFile(text: string): ObtainedHeaders {
  const content = text.trim()
  if (content === '') throw invalid('is empty')
  if (content.startsWith('{')) {
    try {
      return checkObtained(JSON.parse(content), 'headers_file')
    } catch (error) {
      if (error instanceof TelemetryError) throw invalid(error.message.replace(/^headers_file /, ''))
      throw invalid('is not valid JSON')
    }
  }
  const found: Record<string, string> = {}
  for (const [at, raw] of content.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [, name, value = ''] = /^([^\s=:]+)\s*[=:]\s*(.*)$/.exec(line) ?? []
    if (name === undefined)
      throw invalid(`must have lines such as "authorization = Bearer …" (see line ${at + 1})`)
    found[name] = /^"(.*)"$/.exec(value)?.[1] ?? value
  }
  try {
    return checkObtained(found, 'headers_file')
  } catch (error) {
    throw invalid(messageOf(error).replace(/^headers_file /, ''))
  }
}

/**
 * Returns a version that changes when the file is written, or when a link on the way to it is replaced, as Kubernetes
 * does.
 */
async function versionOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path)
  if (size > maxBytes) throw invalid(`must have at most ${maxBytes} bytes`)
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ')
}

/**
 * Credentials from a file, which is read again when it has changed and when they were refused. What cannot be read later
 * leaves the last good headers in force. Rejects with `HEADERS_FILE_UNREADABLE` or `HEADERS_FILE_INVALID`.
 */
export async function fileCredentials(options: {
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
}): Promise<Credentials> {
  const { path, clock, logger } = options
  const { learn, redact } = createObtainedRedactor()
  let current: ObtainedHeaders = {}
  let version = ''
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  const load = async (): Promise<void> => {
    try {
      // The version first: what is written after it is seen by the next look.
      const seen = await versionOf(path)
      if (seen === version) return
      const headers = parseHeadersFile(await readFile(path, 'utf8'))
      version = seen
      if (sameHeaders(headers, current)) return
      learn(headers)
      current = headers
    } catch (error) {
      if (error instanceof TelemetryError) throw error
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      throw new TelemetryError('HEADERS_FILE_UNREADABLE', `headers_file cannot be read (${code})`)
    }
  }

  const look = (): Promise<void> => {
    looking ??= load()
      .catch((error: unknown) =>
        logger.warn(
          { error: messageOf(error) },
          'headers_file is invalid; its last valid headers stay in use',
        ),
      )
      .finally(() => {
        lookedAt = elapsed(clock)
        looking = undefined
      })
    return looking
  }

  await load()
  lookedAt = elapsed(clock)
  return {
    async get() {
      if (elapsed(clock) - lookedAt >= lookMs) await look()
      return current
    },
    async renew(used) {
      if (current === used) {
        // One that is under way may have looked before the change.
        await looking
        version = ''
        await look()
      }
      return current === used ? undefined : current
    },
    redact,
  }
}
