/** The code of an error that says that there is no page of all for the moment. */
export const noHub = 'CLUSTER_NO_HUB'

export const isNoHub = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === noHub
