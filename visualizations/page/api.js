/** The token lives here and nowhere else: no storage, no cookie, no address. @type {string | undefined} */
let token

/** @param {string | undefined} given */
export function useToken(given) {
  token = given
}

/** A refusal of the API. `problems`: what is wrong with which key. */
export class Refusal extends Error {
  /** @param {number} status @param {{ error?: { message?: string }, problems?: { path: string, message: string }[] }} body */
  constructor(status, body) {
    super(body.error?.message ?? `the server answered ${status}`)
    this.status = status
    this.problems = body.problems ?? []
  }
}

const headers = () => (token === undefined ? {} : { authorization: `Bearer ${token}` })

/** @param {string} path @param {RequestInit} [options] */
async function ask(path, options = {}) {
  const response = await fetch(path, {
    ...options,
    cache: 'no-store',
    credentials: 'omit',
    headers: { ...headers(), ...options.headers },
  })
  if (response.ok) return response
  throw new Refusal(response.status, await response.json().catch(() => ({})))
}

/** @param {string} path */
export const getJson = async (path) => (await ask(path)).json()
/** @param {string} path */
export const getText = async (path) => (await ask(path)).text()
/** @param {string} path */
export const command = async (path) => (await ask(path, { method: 'POST' })).json()
/** @param {Record<string, unknown>} changes */
export const patchConfig = async (changes) =>
  (
    await ask('config', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changes),
    })
  ).json()

/** Removes a runtime value: the layer below it is in force again. @param {string} path */
export const unsetConfig = async (path) =>
  (await ask(`config/${encodeURIComponent(path)}`, { method: 'DELETE' })).json()

const longestPause = 5000

/**
 * Follows the events until `signal` ends it, and connects again whenever they break off. An EventSource could not
 * send the token.
 * @param {{ signal: AbortSignal, onEvent: (topic: string, data: any) => void, onLink: (linked: boolean) => void, onRefused: (refusal: Refusal) => void }} host
 */
export async function follow({ signal, onEvent, onLink, onRefused }) {
  let pause = 250
  while (!signal.aborted) {
    try {
      const response = await ask('events', { signal })
      onLink(true)
      for await (const { topic, data } of events(response)) {
        pause = 250
        onEvent(topic, JSON.parse(data))
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof Refusal && error.status === 401) return onRefused(error)
    }
    if (signal.aborted) return
    onLink(false)
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 2, longestPause)
  }
}

/**
 * Live events that match any of the globs, until `signal` ends it. `{ skipped }` counts those that were left out.
 * @param {string[]} patterns @param {AbortSignal} signal
 */
export async function* openTap(patterns, signal) {
  const query = new URLSearchParams(patterns.map((pattern) => ['pattern', pattern]))
  const response = await ask(`tap?${query}`, { signal })
  for await (const line of blocks(response, '\n')) if (line !== '') yield JSON.parse(line)
}

/** @param {Response} response @param {string} separator */
async function* blocks(response, separator) {
  const reader = /** @type {ReadableStream} */ (response.body)
    .pipeThrough(new TextDecoderStream())
    .getReader()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    text += value
    const whole = text.split(separator)
    text = whole.pop() ?? ''
    yield* whole
  }
}

/** @param {Response} response */
async function* events(response) {
  for await (const block of blocks(response, '\n\n')) {
    const topic = /^event: (.*)$/m.exec(block)?.[1]
    const data = /^data: (.*)$/m.exec(block)?.[1]
    if (topic !== undefined && data !== undefined) yield { topic, data }
  }
}
