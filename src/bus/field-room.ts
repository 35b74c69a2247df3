/**
 * Arrays for the fields of events. Each is a clone: of an array literal V8 learns how long its arrays live, so that after a
 * burst it would make them in the old generation, where each of them, though dead within the turn, lives on until the next
 * full collection.
 */
const blanks: (readonly unknown[])[] = []

/** More fields than this are rare, and grow their array. */
const maxBlank = 64

for (let length = 0; length <= maxBlank; length++) {
  const blank: unknown[] = ['']
  blank.length = 0
  while (blank.length < length) blank.push('')
  blanks.push(blank)
}

const noFields = blanks[0]!

/** An empty array for the fields of an event. */
export const newFields = (): unknown[] => noFields.slice()

/** So many events in a row must have equally many fields, before the next is given room for just as many. */
const steadyAfter = 16

/**
 * How many fields events of one name have. An array that begins at the right length is half the memory of one that grows,
 * which V8 gives room for 17 elements or more.
 */
export class FieldRoom {
  #blank = noFields
  #latest = -1
  #same = 0

  /** An array for the fields of one more event, to be written over: of the length to expect, or empty. */
  newFields(): unknown[] {
    return this.#blank.slice()
  }

  /** Tells how many fields the event had. */
  learn(length: number): void {
    if (length === this.#blank.length) return
    if (length !== this.#latest) {
      this.#latest = length
      this.#same = 0
      this.#blank = noFields
    } else if (++this.#same >= steadyAfter && length <= maxBlank) this.#blank = blanks[length]!
  }
}
