import { pageScript } from './page-script.ts'

/** How long the inspector may take to answer before the page says that it does not. */
const patienceMs = 5_000

const style = `
html, body { margin: 0; height: 100%; }
body { display: grid; grid-template: auto 1fr / 18rem 1fr; font: 0.9rem system-ui; color-scheme: light dark; }
header { grid-column: 1 / -1; display: flex; gap: 1rem; align-items: center; padding: 0.5rem 1rem; border-bottom: 1px solid #8886; }
header p { margin: 0; }
#process { color: #c33; }
iframe { grid-column: 1 / -1; width: 100%; height: 100%; border: 0; }
nav { overflow: auto; padding: 0.5rem; border-right: 1px solid #8886; }
nav button { display: block; width: 100%; padding: 0.4rem 0.6rem; border: 0; border-radius: 4px; background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; }
nav button[aria-pressed=true] { background: #8883; }
nav span { display: block; opacity: 0.7; overflow-wrap: anywhere; }
main { overflow: auto; padding: 1rem; }
main .active > .name, main .name.active { font-weight: bold; }
.own iframe { position: absolute; visibility: hidden; }
.stately nav, .stately main { display: none; }
`

/**
 * Returns the page that shows the inspector: a frame of Stately's, which is hidden until it answers, and meanwhile the
 * charts of this process. A browser without the internet so never shows its own error page.
 */
export function bridgePage(inspectorUrl: string, nonce: string): string {
  const url = new URL(inspectorUrl)
  const text = (value: string): string => JSON.stringify(value).replaceAll('<', '\\u003c')
  const attribute = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>telemachine in the Stately inspector</title>
<style nonce="${nonce}">${style}</style>
</head>
<body class="own">
<header>
<p id="status" role="status">Waiting for the Stately inspector from ${attribute(url.origin)}. Until it answers: the charts of this process.</p>
<button id="other" type="button" hidden>Show the charts of this page</button>
<p id="process"></p>
</header>
<nav id="actors" aria-label="Running actors"></nav>
<main id="chart"></main>
<iframe id="inspector" title="Stately inspector" src="${attribute(url.href)}"></iframe>
<script nonce="${nonce}">
const ORIGIN = ${text(url.origin)}
const PATIENCE_MS = ${patienceMs}
${pageScript}</script>
</body>
</html>
`
}

/** Returns the policy of the page: it allows only its frame, its own script, its charts and its socket. */
export const pagePolicy = (inspectorUrl: string, nonce: string, port: number): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    `frame-src ${new URL(inspectorUrl).origin}`,
    // 'self' stands for the socket too in browsers of today, and is the only way to name ::1.
    `connect-src 'self' ws://127.0.0.1:${port} ws://localhost:${port}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
