import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

const HANDSHAKE = [
  'GET / HTTP/1.1',
  'Host: gateway',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

/** A WebSocket client that sends whatever bytes it is told to, and answers nothing by itself: no pong, no close. */
export class RawSocket {
  private received = Buffer.alloc(0);
  /** Resolves when the connection is gone. */
  readonly ended: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    socket.on('error', () => undefined); // always followed by 'close'
    this.ended = once(socket, 'close').then(() => undefined);
  }

  /** Connects. @returns also the status of the handshake's answer; 101 if the gateway agreed */
  static async open(port: number): Promise<{ raw: RawSocket; status: number }> {
    const socket = connect(port, '127.0.0.1');
    const raw = new RawSocket(socket);
    socket.write(HANDSHAKE);
    while (!raw.received.includes('\r\n\r\n')) await once(socket, 'data');
    const status = Number(raw.received.subarray(9, 12).toString());
    raw.received = raw.received.subarray(raw.received.indexOf('\r\n\r\n') + 4);
    return { raw, status };
  }

  /** Sends bytes as they are. */
  send(...bytes: Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** The code of the last frame that came, which must be a close; 1006 if the connection was cut without one. */
  async closeCode(): Promise<number> {
    await this.ended;
    const at = this.received.lastIndexOf(0x88);
    return at < 0 ? 1006 : this.received.readUInt16BE(at + 2);
  }

  /** Cuts it off. */
  destroy(): void {
    this.socket.destroy();
  }
}

/** A frame of a client (RFC 6455 5.2) of less than 64 KiB, masked with zeros. @param first FIN, RSV bits and opcode */
export function clientFrame(first: number, payload: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(payload);
  const length =
    bytes.length < 126 ? [0x80 | bytes.length] : [0x80 | 126, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Buffer.from([first, ...length, 0, 0, 0, 0]), bytes]);
}
