// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references in the configuration look like this.
const size = 1024 * 1024

/** As many as fit: `head`, then `unit(0)`, `unit(1)`, …, then `tail`. */
function filled(unit: string | ((i: number) => string), head = '', tail = ''): string {
  const room = size - head.length - tail.length
  if (typeof unit === 'string') return `${head}${unit.repeat(Math.floor(room / unit.length))}${tail}`
  const parts = [head]
  let length = head.length + tail.length
  for (let i = 0; ; i++) {
    const part = unit(i)
    if (length + part.length > size) break
    parts.push(part)
    length += part.length
  }
  return `${parts.join('')}${tail}`
}

const nested = (open: string, inner: string, close: string): string => {
  const levels = Math.floor((size - inner.length - 8) / (open.length + close.length))
  return `${open.repeat(levels)}${inner}${close.repeat(levels)}`
}

/** TOML files of 1 MiB that a parser takes long for, or much memory. */
export const hostileToml: Readonly<Record<string, () => string>> = {
  'one dotted key': () => filled('a.', '', 'a=1'),
  'one dotted key in quotes': () => filled('"a".', '', 'a=1'),
  'one dotted header': () => filled('a.', '[', 'a]'),
  'a key of blanks and dots': () => filled('a . ', '', 'a=1'),
  'many dotted keys': () => filled((i) => `a.b.c.d.e.k${i}=1\n`),
  'many deep keys': () => filled((i) => `${'x.'.repeat(100)}k${i}=1\n`),
  'many dotted keys of exporters': () => filled((i) => `otel.h${i}.a=1\n`, '[telemetry]\n'),
  'inline tables in inline tables': () => `a=${nested('{a=', '1', '}')}`,
  'inline tables in a list': () => filled('{a=1},', 'a=[', ']'),
  'empty inline tables in a list': () => filled('{},', 'a=[', ']'),
  'one inline table': () => filled((i) => `a${i}=1,`, 'a={', 'b=1}'),
  'lists in lists': () => `a=${nested('[', '1', ']')}`,
  'lists without end': () => filled('[', 'a='),
  'many lists': () => filled('[1],', 'a=[', ']'),
  'a list of numbers': () => filled('1,', 'a=[', ']'),
  'a list of strings': () => filled('"",', 'a=[', ']'),
  'a list of dates': () => filled('2026-01-01,', 'a=[', ']'),
  'a list of patterns': () => filled('"a",', '[telemetry.otel]\nevent_patterns=[', ']'),
  'a list of lines': () => filled('\n', 'a=[', ']'),
  'a list of comments': () => filled('#\n', 'a=[', ']'),
  'a multi-line string': () => filled('x\n', 'a="""', '"""'),
  'a multi-line string of quotes': () => filled('""x', 'a="""', '"""'),
  'a multi-line string of escapes': () => filled('\\n', 'a="""', '"""'),
  'a multi-line string of folded lines': () => filled('\\\n', 'a="""', '"""'),
  'a multi-line string without end': () => filled('x\n', 'a="""'),
  'a literal multi-line string': () => filled('\n', "a='''", "'''"),
  'a string of escapes': () => filled('\\u0041', 'a="', '"'),
  'a string of backslashes': () => filled('\\', 'a="'),
  'a string of references': () => filled('${HOME}', '[telemetry.otel]\nservice_name="', '"'),
  'a string of dollars': () => filled('$$', '[telemetry.otel]\nservice_name="', '"'),
  'values that refer to a long variable': () => filled((i) => `k${i}="\${LONG_KEY}"\n`, '[telemetry.otel]\n'),
  'many tables': () => filled((i) => `[a${i}]\n`),
  'many exporters': () => filled((i) => `[telemetry.e${i}]\ntype="otel"\n`),
  'many deep tables': () => filled((i) => `[a.b.c.d.e.f.g.h.i${i}]\n`),
  'a list of tables': () => filled('[[a]]\n'),
  'a list of tables with tables': () => filled('[[a]]\n[a.b]\n'),
  'tables that are nearly telemetry': () => filled((i) => `[telemetr${i}]\n`),
  'many keys': () => filled((i) => `k${i}=1\n`),
  'many keys of one exporter': () => filled((i) => `k${i}="${'x'.repeat(80)}"\n`, '[telemetry.otel]\n'),
  'a long number': () => filled('1_', 'a=', '1'),
  'a long key': () => filled('a', '', '=1'),
  'a long key in quotes': () => filled('a', '"', '"=1'),
  'only quotes': () => filled('"'),
  'only apostrophes': () => filled("'"),
  'only equals signs': () => filled('='),
  'only brackets': () => filled('['),
  'only closing brackets': () => filled(']'),
  'only comments': () => filled('#\n'),
  'only lines': () => filled('\n'),
  'only NULs': () => filled('\0'),
  'opened strings': () => filled('a="'),
  'opened tables': () => filled('a={'),
}

/** The same for JSON. */
export const hostileJson: Readonly<Record<string, () => string>> = {
  'lists in lists': () => nested('[', '1', ']'),
  'lists without end': () => filled('['),
  'objects in objects': () => nested('{"a":', '1', '}'),
  'many keys': () => filled((i) => `"k${i}":1,`, '{', '"z":1}'),
  'many keys of one exporter': () => filled((i) => `"k${i}":1,`, '{"telemetry":{"otel":{', '"z":1}}}'),
  'many exporters': () => filled((i) => `"k${i}":{},`, '{"telemetry":{', '"z":{}}}'),
  'the same key': () => filled('"a":1,', '{', '"a":1}'),
  'a list of numbers': () => filled('1,', '[', '1]'),
  'a list of strings': () => filled('"",', '{"a":[', '1]}'),
  'a list of objects': () => filled('{},', '{"a":[', '1]}'),
  'a list of lists': () => filled('[[[[[[1]]]]]],', '{"a":[', '1]}'),
  'a list of patterns': () => filled('"a",', '{"telemetry":{"otel":{"event_patterns":[', '1]}}}'),
  'a long number': () => filled('1', '{"a":', '}'),
  'a long string': () => filled('x', '{"a":"', '"}'),
  'a string of escapes': () => filled('\\n', '{"a":"', '"}'),
  'a string of coded characters': () => filled('\\u0041', '{"a":"', '"}'),
  'a long key': () => filled('x', '{"', '":1}'),
  'only blanks': () => filled(' '),
  'only lines': () => filled('\n', '{', '}'),
  'only quotes': () => filled('"'),
}
