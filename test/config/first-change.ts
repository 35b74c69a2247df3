// Prints how long the first change of a process blocks it, in ms. Run by cost.test.ts.
import { createSystemClock } from '../../src/clock.ts'
import { createConfigStore } from '../../src/config/store.ts'
import { builtInTypes } from '../../src/exporters/built-in.ts'
import { stopwatch } from '../support/stopwatch.ts'
import { hostileChanges } from './hostile-changes.ts'

const nothing = (): void => {}
const store = createConfigStore({
  types: builtInTypes(),
  clock: createSystemClock(),
  logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  env: {},
  init: { otel: {}, prometheus: {}, datadog: { api_key: 'abcdefgh' } },
  apply: async () => {},
})
await store.start()
const changes = hostileChanges[process.argv[2]!]!()
const blockedFor = stopwatch()
await store.putFrom('admin', changes).catch(nothing)
console.log(blockedFor())
await store.stop()
