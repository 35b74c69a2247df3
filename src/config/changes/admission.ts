import { TelemetryConfigError } from '../../errors.ts'
import type { Judge, JudgeOptions, ResolvedConfig } from '../judge.ts'
import type { Source } from '../layers.ts'
import { createProblems } from '../problem-list.ts'
import { foldSteps, type ReadChange, unknownTargets } from './changes.ts'
import type { Transactions } from './transactions.ts'

/** Returns what a change makes of a configuration; throws a TelemetryConfigError with every problem it makes there. */
export function judgedChange(
  judge: Judge,
  { steps, problems: unread }: ReadChange,
  source: Source,
  base: ResolvedConfig,
  options: JudgeOptions = {},
): ResolvedConfig {
  if (unread.count > 0) throw unread.error()
  const problems = createProblems()
  unknownTargets(steps, base.peers, source, problems)
  const maxAdded = base.system.config.max_exporters
  const judgement = judge(foldSteps(base.layers, steps), base, { maxAdded, ...options })
  problems.addAll(judgement.problems)
  if (problems.count > 0) throw problems.error()
  return judgement.config
}

/**
 * Returns what a change makes of the configuration that is expected before it; undefined where that remains to be seen:
 * changes that are under way forbid it, but may be refused themselves. Throws a TelemetryConfigError.
 */
export function judgedAmong(
  { expected, inForce, takesUnjudged }: Transactions,
  judge: Judge,
  given: ReadChange,
  source: Source,
): ResolvedConfig | undefined {
  const base = expected()
  const { config } = inForce()
  const mayWait = takesUnjudged() && given.problems.count === 0
  try {
    if (base) return judgedChange(judge, given, source, base)
  } catch (error) {
    if (config === base || !mayWait) throw error
  }
  try {
    judgedChange(judge, given, source, config)
  } catch (error) {
    // How many exporters it adds is known already.
    const isTooLarge = error instanceof TelemetryConfigError && error.code === 'CONFIG_TOO_MANY_EXPORTERS'
    if (base || !mayWait || isTooLarge) throw error
  }
  return undefined
}
