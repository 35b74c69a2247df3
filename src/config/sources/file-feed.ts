import type { Clock } from '../../clock.ts'
import { messageOf, TelemetryConfigError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { Redactor } from '../presentation/redact.ts'
import { type ReadDocument, refusedDocument } from './document.ts'
import { parseConfigText, readConfigText } from './file.ts'
import { sameVariables, type Variables } from './interpolate.ts'
import type { SourceStatus } from './source.ts'
import { watchPath } from './watch.ts'

export interface FileFeed {
  /** Reads the file now; what is wrong with it comes as problems. */
  read(variables: Variables): ReadDocument
  /** Hears of each new content, good or bad, until stopped. Keeps no process alive. */
  watch(heard: (document: ReadDocument) => void): void
  status(): SourceStatus
  stop(): void
}

/** The file as a source: reads it, and keeps up with it. A file that is gone changes nothing. */
export function createFileFeed(file: string, clock: Clock, logger: Logger, redactor: Redactor): FileFeed {
  let text: string | undefined
  let variables: Variables = {}
  let document: ReadDocument | undefined
  let status: SourceStatus = { name: file, state: 'idle' }
  let unwatch: (() => void) | undefined
  let stopped = false

  const read: FileFeed['read'] = (now) => {
    const before = text
    const isSame = sameVariables(variables, now)
    variables = { ...now }
    try {
      text = readConfigText(file)
    } catch (error) {
      text = undefined
      if (!(error instanceof TelemetryConfigError)) throw error
      return refusedDocument(error)
    }
    // The start reads again what was read when telemetry was made; what was judged then need not be judged again.
    if (document?.problems.count === 0 && isSame && text === before) return document
    document = parseConfigText(file, text, variables, redactor)
    return document
  }

  const missing = (): void => {
    if (status.state === 'missing') return
    status = { name: file, state: 'missing' }
    logger.warn({ file }, 'the configuration file is gone; its last valid content stays in force')
  }

  const look = (heard: (document: ReadDocument) => void): void => {
    let now: string
    try {
      now = readConfigText(file)
    } catch (error) {
      if (!(error instanceof TelemetryConfigError)) throw error
      if (error.code === 'CONFIG_FILE_MISSING') {
        missing()
        return
      }
      const message = messageOf(error)
      if (status.error !== message) heard(refusedDocument(error))
      status = { name: file, state: 'watching', error: message }
      text = undefined
      return
    }
    status = { name: file, state: 'watching' }
    if (now === text) return
    text = now
    if (now.trim() === '') {
      // Written in two steps, or cut off by a full disk: taking it at its word would remove every exporter.
      const message = `${file}: the file is empty; its last valid content stays in force`
      const problem = { path: 'telemetry', message, source: 'file', file }
      heard(refusedDocument(new TelemetryConfigError([{ code: 'CONFIG_FILE_EMPTY', ...problem }])))
      return
    }
    document = parseConfigText(file, now, variables, redactor)
    heard(document)
  }

  const guarded = (heard: (document: ReadDocument) => void) => (): void => {
    if (stopped) return
    try {
      look(heard)
    } catch (error) {
      logger.error(
        { file, error: redactor.text(messageOf(error)) },
        'the configuration file could not be read',
      )
    }
  }

  return {
    read,
    watch: (heard) => {
      if (stopped) return
      status = { name: file, state: 'watching' }
      unwatch = watchPath(file, clock, guarded(heard))
    },
    status: () => status,
    stop: () => {
      stopped = true
      unwatch?.()
      status = { name: file, state: 'idle' }
    },
  }
}
