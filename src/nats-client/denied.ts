import { JetStreamRefusal } from './stored.ts'

/** Whether the server has refused a request for good, or does not permit it: asking again does not help. */
export const isDenied = (error: unknown): boolean =>
  error instanceof JetStreamRefusal ||
  [error, (error as Error | undefined)?.cause].some(
    (one) => (one as Error | undefined)?.name === 'PermissionViolationError',
  )
