import { crc32 } from 'node:zlib'

/** The facts in the name of a file, so that a start does not have to open it. */
export interface FileFacts {
  /** Microseconds since 1970 at which it was written, or one more than the file before: never twice, in order of age. */
  readonly sequence: number
  /** Telemetry events. */
  readonly weight: number
  /** Length of the file. */
  readonly bytes: number
  /** Attempts to send it that may have begun. */
  readonly attempts: number
  /** Lives of the process in a row that may have ended in such an attempt. */
  readonly lives: number
  /** CRC-32 of the content. */
  readonly checksum: number
}

/** Version of the names and of the frame of the content. */
const formatVersion = 1

/** Larger numbers would not add up exactly, or leave none for the files to come (sequences of the year 2255). */
const pattern =
  /^(0[0-8]\d{15})-(\d{1,12})w-(\d{1,13})b-(\d{1,9})a-(\d{1,3})l-v(\d{1,3})-([0-9a-f]{8})([0-9a-f]{8})\.spool$/

const hex = (checksum: number): string => checksum.toString(16).padStart(8, '0')

/** The name of a file: what it says is covered by a checksum, in which that of the content is. */
export function nameOf({ sequence, weight, bytes, attempts, lives, checksum }: FileFacts): string {
  const facts = `${String(sequence).padStart(17, '0')}-${weight}w-${bytes}b-${attempts}a-${lives}l-v${formatVersion}-${hex(checksum)}`
  return `${facts}${hex(crc32(facts))}.spool`
}

/** A name of ours of any version: `readable` says whether this version reads it. Undefined: the file is not ours. */
export function factsOf(name: string): (FileFacts & { readonly readable: boolean }) | undefined {
  const parts = pattern.exec(name)
  if (parts === null) return undefined
  const [, sequence, weight, bytes, attempts, lives, version, content, own] = parts as unknown as string[]
  if (hex(crc32(name.slice(0, -(8 + '.spool'.length)))) !== own) return undefined
  return {
    sequence: Number(sequence),
    weight: Number(weight),
    bytes: Number(bytes),
    attempts: Number(attempts),
    lives: Number(lives),
    checksum: Number.parseInt(content as string, 16),
    readable: Number(version) === formatVersion,
  }
}
