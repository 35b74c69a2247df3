/** Writes the version that `npm version` has put into package.json into src/version.ts. */
import { readFileSync, writeFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const source = readFileSync('src/version.ts', 'utf8')
writeFileSync('src/version.ts', source.replace(/'[^']*'$/m, `'${version}'`))
