import type { FormatValues } from '../exporters/key.ts'
import type { Format } from './formats/format.ts'
import { headers } from './formats/headers.ts'
import { buckets, destinations, httpUrls, labels, patterns, tags } from './formats/lists.ts'
import { metrics } from './formats/metrics.ts'
import { boolean, integer, number, port, seconds } from './formats/numbers.ts'
import { proxyUrl } from './formats/proxy-url.ts'
import { spool } from './formats/spool.ts'
import { filePath, host, httpUrl, name, path, string } from './formats/strings.ts'

/** Every format that a key may declare by its name. A key that lists its values has the format `choice`. */
export const formats: ReadonlyMap<string, Format> = new Map(
  Object.entries({
    number,
    integer,
    boolean,
    string,
    port,
    seconds,
    patterns,
    headers,
    tags,
    labels,
    buckets,
    metrics,
    destinations,
    path,
    name,
    host,
    'http-url': httpUrl,
    'http-urls': httpUrls,
    'proxy-url': proxyUrl,
    'file-path': filePath,
    spool,
  } satisfies Record<keyof FormatValues, Format>),
)
