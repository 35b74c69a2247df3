/** The version in package.json, as a constant: a bundled application has no package.json of ours to read. */
export const version = '0.1.0'
