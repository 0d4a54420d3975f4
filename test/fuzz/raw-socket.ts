import { connect, type Socket } from 'node:net';

/** What came back over a connection. */
export interface Exchange {
  readonly text: string;
  /** Whether the other side ended the connection. */
  readonly closed: boolean;
}

/** A bare connection, for what no HTTP client would send. */
export class RawSocket {
  private received = '';
  private ended = false;
  private readonly end: Promise<void>;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (this.received += text));
    // A reset is an end, too.
    socket.on('error', () => undefined);
    this.end = new Promise((resolve) =>
      socket.on('close', () => {
        this.ended = true;
        resolve();
      }),
    );
  }

  /** Connects; `baseUrl` names host and port. */
  static open(baseUrl: string): Promise<RawSocket> {
    const { hostname, port } = new URL(baseUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawSocket(socket)));
    });
  }

  /** Sends bytes, a character each. */
  write(text: string): void {
    if (this.socket.writable) this.socket.write(text, 'latin1');
  }

  /** What has come back until now. */
  get so(): Exchange {
    return { text: this.received, closed: this.ended };
  }

  /** Waits until the other side ends the connection, or `ms` have passed. */
  async untilClosed(ms: number): Promise<Exchange> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.end, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
    clearTimeout(timer);
    return this.so;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Sends bytes over a connection of their own and waits for its end, but not longer than `ms`. */
export async function exchange(baseUrl: string, text: string, ms = 30_000): Promise<Exchange> {
  const socket = await RawSocket.open(baseUrl);
  socket.write(text);
  const result = await socket.untilClosed(ms);
  socket.destroy();
  return result;
}
