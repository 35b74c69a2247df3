/** Posts a body as protobuf, or as what it is said to be, by a connection of its own. */
export const post = (url: string, body: Uint8Array | string, type = 'application/x-protobuf') =>
  fetch(url, {
    method: 'POST',
    body: body as string,
    headers: { 'content-type': type, connection: 'close' },
  })
