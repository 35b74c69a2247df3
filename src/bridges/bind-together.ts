import { channel } from 'node:diagnostics_channel'
import type { BridgedSpans } from '../bus/bridged-span.ts'
import type { Scope } from '../bus/span-scope.ts'

type Open = (message: object) => Scope | undefined

interface Binding {
  readonly opens: Set<Open>
  readonly unbind: () => void
}

const bindings = new Map<string, Binding>()

/**
 * Binds the scopes that `open` returns to what a channel runs. A channel holds one binding, which the telemetry systems of
 * a process share: each opens its span, and the latest is the one that is entered. `open` must not throw.
 * Returns a function that undoes it.
 */
export function bindTogether(name: string, bind: BridgedSpans['bind'], open: Open): () => void {
  const { opens, unbind } = bindings.get(name) ?? bindFirst(name, bind)
  opens.add(open)
  return () => {
    opens.delete(open)
    if (opens.size > 0) return
    unbind()
    bindings.delete(name)
  }
}

function bindFirst(name: string, bind: BridgedSpans['bind']): Binding {
  const opens = new Set<Open>()
  const unbind = bind(channel(name), (message) => {
    let scope: Scope | undefined
    for (const open of opens) scope = open(message as object) ?? scope
    return scope
  })
  const binding = { opens, unbind }
  bindings.set(name, binding)
  return binding
}
