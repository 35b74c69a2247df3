// Guards what a user installs: every promised entry point is built, typed and packed, and nothing else is promised.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  exports: Record<string, { types: string; default: string } | string>
}
const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [[name, target] as const],
)

describe('the package', () => {
  before(function () {
    if (existsSync(`${root}dist`)) return
    console.log('      skipped: nothing is built yet (npm run build)')
    assert.ok(!process.env.CI, 'in CI the package is built before it is tested')
    this.skip()
  })

  for (const [name, target] of entries) {
    const subpath = name.replace(/^\./, 'telemachine')

    it(`has ${subpath}, with types`, () => {
      for (const file of [target.default, target.types]) assert.ok(existsSync(root + file), file)
    })

    it(`imports ${subpath} in plain Node.js`, () => {
      const names = execFileSync(
        process.execPath,
        ['--input-type=module', '-e', `console.log(Object.keys(await import('${subpath}')).join())`],
        { cwd: root, encoding: 'utf8' },
      )
      assert.ok(names.trim().length > 0)
    })
  }

  it('promises these entry points', () => {
    assert.deepEqual(
      entries.map(([name]) => name),
      ['.', './machines', './testing', './admin', './inspect', './opentelemetry'],
    )
  })

  it('packs what it needs at run time: code, types, charts and the live page, no sources and no tests', () => {
    const [{ files }] = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ) as [{ files: { path: string }[] }]
    const paths = files.map(({ path }) => path)
    for (const needed of [
      'dist/src/index.js',
      'visualizations/exporter.svg',
      'visualizations/page/index.html',
    ])
      assert.ok(paths.includes(needed), needed)
    assert.deepEqual(
      paths.filter((path) => /^(src|test|examples|bench)\//.test(path)),
      [],
    )
  })
})
