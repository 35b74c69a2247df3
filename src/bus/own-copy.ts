/** Equal text that shares no memory with a bigger one it may be a slice of, such as a request's body. */
export function ownCopy(text: string): string {
  // V8 copies shorter slices anyway.
  if (text.length < 13) return text
  const copy = Buffer.from(text).toString()
  return copy === text ? copy : text
}
