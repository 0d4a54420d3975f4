import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Every command that a Redis is sent, by anybody, as it shows it itself. */
export class RedisMonitor {
  private readonly chunks: string[] = [];

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (chunk: string) => this.chunks.push(chunk));
    socket.on('error', () => undefined); // always followed by 'close'
  }

  /** Resolves when it sees what is sent from now on. */
  static async start(url: string): Promise<RedisMonitor> {
    const { hostname, port, password } = new URL(url);
    const socket = connect(Number(port), hostname);
    const monitor = new RedisMonitor(socket);
    socket.write(`${password ? `AUTH ${decodeURIComponent(password)}\r\n` : ''}MONITOR\r\n`);
    while (!/^\+OK\r\n/m.test(monitor.chunks.join('').replace(password ? '+OK\r\n' : '', '')))
      await once(socket, 'data');
    return monitor;
  }

  /** What was sent so far. */
  commands(): string[] {
    return this.chunks.join('').split('\r\n');
  }

  stop(): void {
    this.socket.destroy();
  }
}
