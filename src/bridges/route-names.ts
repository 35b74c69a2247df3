import { ownCopy } from '../bus/own-copy.ts'
import { methodInName } from './attributes.ts'

export interface RouteName {
  /** Name of the span: `GET /users/:id`, or the method alone. */
  readonly name: string
  /** Undefined without a route, or after too many different ones. */
  readonly route: string | undefined
}

/** Pairs of a method and a route: what has more was given paths, not templates, and must not become labels. */
const maxRoutes = 1000

/** The names of spans, put together once for each method and route. */
export function createRouteNames() {
  const byMethod = new Map<string, Map<string, RouteName>>()
  const bare = new Map<string, RouteName>()
  let count = 0

  const bareOf = (method: string): RouteName => {
    const named = bare.get(method) ?? { name: methodInName(method), route: undefined }
    bare.set(method, named)
    return named
  }

  return {
    /** `method` is one of the few known ones. */
    of: (method: string, route: string | undefined): RouteName => {
      if (typeof route !== 'string' || route === '') return bareOf(method)
      let routes = byMethod.get(method)
      if (routes === undefined) {
        routes = new Map()
        byMethod.set(method, routes)
      }
      const seen = routes.get(route)
      if (seen !== undefined) return seen
      if (count >= maxRoutes || route.length > maxLength) return bareOf(method)
      count++
      const kept = ownCopy(route)
      const named = { name: `${methodInName(method)} ${kept}`, route: kept }
      routes.set(kept, named)
      return named
    },
  }
}

const maxLength = 512
