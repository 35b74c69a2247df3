import type { Socket } from 'node:net'

/** What a backend does to a connection before it hears of any request. `plain`: not to TLS, which has its own. */
export interface ConnectionFault {
  readonly name: string
  play(socket: Socket): void
}

const onHello = (name: string, act: (socket: Socket) => void): ConnectionFault => ({
  name,
  play: (socket) => {
    socket.once('data', () => act(socket))
  },
})

export const connectionFaults: readonly ConnectionFault[] = [
  { name: 'an end at once', play: (socket) => socket.end() },
  { name: 'a reset at once', play: (socket) => socket.resetAndDestroy() },
  { name: 'nothing is read', play: (socket) => void socket.pause() },
  { name: 'a greeting of another protocol', play: (socket) => void socket.write('220 mail ready\r\n') },
  onHello('an end at the first bytes', (socket) => socket.end()),
  onHello('a reset at the first bytes', (socket) => socket.resetAndDestroy()),
  onHello('noise at the first bytes', (socket) => socket.end(Buffer.alloc(200, 0x5a))),
  onHello('an alert of TLS at the first bytes', (socket) => socket.end(Buffer.from('15030300020228', 'hex'))),
  onHello('half a hello of TLS', (socket) => void socket.write(Buffer.from('160303007a020000760303', 'hex'))),
]
