/** Keeps to the newest message of one subject, which arrives by two ways. */
export interface Latest<Message extends { readonly seq: number }> {
  /** As it was published. False if it is not newer than what is known. */
  published(message: Message): boolean
  /** Asks the store, for what was missed. Resolves with a message that is not known yet. */
  ask(): Promise<Message | undefined>
}

/**
 * A message that was published is news only if its sequence is higher. What the store answers is the truth: a lower
 * sequence than the one that was known when it was asked means that the store was restored or replaced.
 */
export function createLatest<Message extends { readonly seq: number }>(
  load: () => Promise<Message | undefined>,
): Latest<Message> {
  let known = 0
  return {
    published: (message) => {
      if (message.seq <= known) return false
      known = message.seq
      return true
    },
    ask: async () => {
      const before = known
      const message = await load()
      if (message === undefined || message.seq === known) return undefined
      // It was overtaken by what was published meanwhile.
      if (message.seq < known && message.seq >= before) return undefined
      known = message.seq
      return message
    },
  }
}
