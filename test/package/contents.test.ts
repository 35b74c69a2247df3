// Guards what is published: the entry points and their metadata, exactly the files that belong to them, and licences.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { entries } from '../../scripts/entries.ts'
import { version } from '../../src/version.ts'
import { entryPoints, manifest, packedFiles, root } from './packed.ts'

const textOf = (name: string): string => readFileSync(join(root, name), 'utf8')

describe('the packed package', () => {
  it('has these entry points', () => {
    assert.deepEqual(entryPoints, [
      'telemachine',
      'telemachine/machines',
      'telemachine/testing',
      'telemachine/admin',
      'telemachine/inspect',
      'telemachine/opentelemetry',
      'telemachine/bridges',
      'telemachine/nats',
    ])
    assert.deepEqual(
      entryPoints.map((name) => (name === 'telemachine' ? 'index' : name.replace('telemachine/', ''))),
      Object.keys(entries),
      'what is built',
    )
  })

  it('has every file that its manifest names', () => {
    const files = new Set(packedFiles().map((path) => `./${path}`))
    const named = (target: unknown): string[] =>
      typeof target === 'string' ? [target] : Object.values(target as object).flatMap(named)
    const { bin, exports, main, module, types, typesVersions } = manifest
    const targets = named([exports, main, module, types, typesVersions])
    assert.deepEqual(bin, { telemachine: 'dist/command/telemachine.cjs' })
    assert.ok(files.has(`./${(bin as Record<string, string>).telemachine}`))
    assert.ok(targets.length > 6 * 5)
    assert.deepEqual(
      targets.filter((target) => !files.has(target)),
      [],
    )
  })

  it('offers every entry point to compilers that ignore exports', () => {
    const [versions] = Object.values(manifest.typesVersions as Record<string, Record<string, string[]>>)
    assert.deepEqual(
      Object.entries(versions!).map(([name, [types]]) => [`telemachine/${name}`, types]),
      entryPoints.slice(1).map((name) => [name, `./dist/cjs/${name.replace('telemachine/', '')}.d.ts`]),
    )
  })

  it('holds code, types, charts, machines, documents and licences, and nothing else', () => {
    const allowed = [
      /^(package|schema)\.json$/,
      /^LICENSE$/,
      /^(README|ARCHITECTURE|CHANGELOG|CONTRIBUTING|SECURITY)\.md$/,
      /^dist\/bundler\/THIRD-PARTY-LICENSES\.txt$/,
      /^dist\/cjs\/package\.json$/,
      /^dist\/command\/telemachine\.cjs$/,
      /^dist\/(cjs|bundler)\/([\w-]+|chunks\/[\w-]+)\.js$/,
      /^dist\/cjs\/([\w-]+|types\/(src|machines)\/[\w/-]+)\.d\.ts$/,
      /^dist\/esm\/[\w-]+\.(js|d\.ts)$/,
      /^docs\/[\w/-]+\.(md|png|svg)$/,
      /^machines\/[\w-]+\.ts$/,
      /^visualizations\/README\.md$/,
      /^visualizations\/[\w-]+\.(svg|mmd|json|machine\.js)$/,
      /^visualizations\/page\/[\w-]+\.(html|css|js|svg)$/,
    ]
    const files = packedFiles()
    assert.deepEqual(
      files.filter((path) => !allowed.some((pattern) => pattern.test(path))),
      [],
    )
    const needed = [
      'LICENSE',
      'README.md',
      'docs/live-page.png',
      'docs/top.svg',
      'docs/dependencies.md',
      'machines/breaker.ts',
      'visualizations/exporter.svg',
      'visualizations/exporter.mmd',
      'visualizations/exporter.json',
      'visualizations/exporter.machine.js',
      'visualizations/page/index.html',
    ]
    assert.deepEqual(
      needed.filter((path) => !files.includes(path)),
      [],
    )
  })

  it('is of a moderate size', () => {
    const size = packedFiles().reduce((sum, path) => sum + readFileSync(join(root, path)).length, 0)
    assert.ok(size < 6 * 1024 * 1024, `${size} bytes`)
  })

  it('has every picture that its documents show', () => {
    const files = new Set(packedFiles())
    for (const document of [...files].filter((path) => path.endsWith('.md')))
      for (const [, target] of textOf(document).matchAll(/!\[[^\]]*\]\((?!https?:)([^)#]+)\)/g))
        assert.ok(files.has(normalize(join(dirname(document), target!))), `${target} in ${document}`)
  })

  it('says where it is from, and under which licence', () => {
    const { homepage, bugs, repository, keywords, license } = manifest as unknown as {
      homepage: string
      bugs: { url: string }
      repository: { type: string; url: string }
      keywords: string[]
      license: string
    }
    const page = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')
    assert.equal(repository.type, 'git')
    assert.equal(homepage, `${page}#readme`)
    assert.equal(bugs.url, `${page}/issues`)
    assert.ok(keywords.includes('opentelemetry'))
    assert.equal(license, 'Apache-2.0')
  })

  it('contains the licence of each package that it contains code of', () => {
    const notices = textOf('dist/bundler/THIRD-PARTY-LICENSES.txt')
    const code = packedFiles()
      .filter((path) => /^dist\/bundler\/.*\.js$/.test(path))
      .map(textOf)
      .join('\n')
    const included = new Set(
      [...code.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(([, name]) => name!),
    )
    assert.ok(included.has('convict') && included.has('prom-client'))
    for (const name of included) {
      const { version, license } = JSON.parse(textOf(`node_modules/${name}/package.json`)) as Record<
        string,
        string
      >
      assert.ok(notices.includes(`\n${name} ${version} (${license})\n`), name)
      assert.match(license!, /^(Apache-2\.0|MIT|ISC|BSD-[23]-Clause)$/, name)
    }
  })

  it('knows its version', () => assert.equal(version, manifest.version))

  it('is what publint recommends', async () => {
    const { messages } = await publint({ pkgDir: root, level: 'suggestion', strict: true, pack: false })
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest)),
      [],
    )
  })

  it('does not build what is already built', () => {
    // An unpacked tarball has no sources: npm runs `prepare` in it when it is installed as a folder.
    assert.ok(!packedFiles().some((path) => path.startsWith('scripts/')))
    assert.match(
      (manifest.scripts as Record<string, string>).prepare!,
      /existsSync\('scripts\/prepare\.mjs'\) &&/,
    )
    assert.ok(existsSync(join(root, 'scripts/prepare.mjs')))
  })
})
