import { type Coverage, createCoverage } from '../../src/testing/index.ts'

/** What all tests of the charts have reached so far in this process. */
export const coverage: Coverage = createCoverage()
