import { control, type Format, isRecord, refuse } from './format.ts'

/** A Unix socket is bound in the directory, and its path may have about 100 bytes. */
export const maxSpoolDirectory = 90
export const minSpoolBytes = 1024 * 1024
export const maxSpoolBytes = 1024 ** 4

export const spoolChoices = { mode: ['overflow', 'always'], fsync: ['batch', 'interval'] } as const
export const spoolDefaults = { mode: 'overflow', max_bytes: 1024 ** 3, fsync: 'batch' } as const

const known: readonly string[] = ['directory', ...Object.keys(spoolDefaults)]

function checkDirectory(directory: unknown): void {
  if (typeof directory !== 'string' || directory === '' || control.test(directory))
    refuse('a table with the directory as a string, such as { directory = "/var/lib/app/spool-otel" }')
  if (Buffer.byteLength(directory as string) > maxSpoolDirectory)
    refuse(`a table with a directory of at most ${maxSpoolDirectory} bytes: a Unix socket is bound in it`)
}

function checkChoice(name: keyof typeof spoolChoices, value: unknown): void {
  const choices: readonly unknown[] = spoolChoices[name]
  if (!choices.includes(value)) refuse(`a table whose ${name} is one of ${choices.join(', ')}`)
}

/** Where and how an exporter keeps events on disk. */
export const spool: Format = {
  validate: (value) => {
    if (!isRecord(value)) return refuse(`a table of ${known.join(', ')}`)
    const unknown = Object.keys(value).some((name) => !known.includes(name))
    if (unknown) refuse(`a table with only the keys ${known.join(', ')}`)
    checkDirectory(value.directory)
    checkChoice('mode', value.mode)
    checkChoice('fsync', value.fsync)
    const { max_bytes: bytes } = value
    if (
      !Number.isSafeInteger(bytes) ||
      (bytes as number) < minSpoolBytes ||
      (bytes as number) > maxSpoolBytes
    )
      refuse(`a table whose max_bytes is a whole number from ${minSpoolBytes} to ${maxSpoolBytes}`)
  },
  /** A text is the directory. */
  coerce: (text) => ({ ...spoolDefaults, directory: text }),
  expand: (value) => (isRecord(value) ? { ...spoolDefaults, ...value } : value),
}
