/**
 * The page that shows the inspector: a frame of Stately's, and a few lines that hand it what this process sends.
 * The script names the frame's origin in each message: no other page can be handed a record.
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
<style nonce="${nonce}">
html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0; }
p { position: absolute; z-index: -1; margin: 2rem; font: 1rem system-ui; }
</style>
</head>
<body>
<p>The inspector is loaded from ${attribute(url.origin)}: this browser needs to reach it.</p>
<iframe id="inspector" title="Stately inspector" src="${attribute(url.href)}"></iframe>
<script nonce="${nonce}">
const frame = document.getElementById('inspector')
const origin = ${text(url.origin)}
const waiting = []
let ready = false
const pass = (record) => frame.contentWindow.postMessage(record, origin)
addEventListener('message', ({ data, source, origin: from }) => {
  if (from !== origin || source !== frame.contentWindow || data?.type !== '@statelyai.connected') return
  ready = true
  for (const record of waiting.splice(0)) pass(record)
})
const connect = () => {
  const socket = new WebSocket('ws://' + location.host)
  socket.onmessage = ({ data }) => {
    const record = JSON.parse(data)
    if (ready) pass(record)
    else if (waiting.push(record) > 1000) waiting.shift()
  }
  socket.onclose = () => setTimeout(connect, 2000)
}
connect()
</script>
</body>
</html>
`
}

/** Nothing but the frame, this page's own script and its socket. */
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
