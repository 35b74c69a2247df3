export const gateway = undefined as never
