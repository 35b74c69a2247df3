import type { Logger } from '../../src/logger.ts'

/** A logger that ignores everything. */
export const quietLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
