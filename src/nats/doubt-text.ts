/** The note in a consumer's description about messages that may have been given out before. */
export interface NotedDoubt {
  /** The server that forgot none of its deliveries since this was written: its id, or its name in a cluster. */
  readonly server: string
  /** Messages up to this sequence are in doubt. */
  readonly highest: number
  /** How many messages were in doubt so far, at all changes of the server. */
  readonly messages: number
}

export const doubtText = ({ server, highest, messages }: NotedDoubt): string =>
  `${messages} messages in doubt, up to ${highest}, on server ${server}`

const format = /^(\d+) messages in doubt, up to (\d+), on server (\S+)$/

/** Undefined for a description that somebody else has written. */
export function doubtIn(description: string | undefined): NotedDoubt | undefined {
  const found = format.exec(description ?? '')
  return found === null
    ? undefined
    : { messages: Number(found[1]), highest: Number(found[2]), server: found[3]! }
}
