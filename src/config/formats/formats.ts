import type { FormatValues } from '../../exporters/key.ts'
import type { Format } from './format.ts'
import { headers } from './headers.ts'
import { buckets, destinations, httpUrls, labels, patterns, tags } from './lists.ts'
import { metrics } from './metrics.ts'
import { boolean, integer, number, port, seconds } from './numbers.ts'
import { proxyUrl } from './proxy-url.ts'
import { spool } from './spool.ts'
import { filePath, host, httpUrl, name, path, string } from './strings.ts'

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
