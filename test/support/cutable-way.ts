import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut without stopping it for the other tests. */
export class CutableWay {
  private readonly sockets = new Set<Socket>();
  /** With where what they send goes to. */
  private readonly callers = new Map<Socket, Socket>();
  private cut = false;

  private constructor(private readonly server: Server) {}

  /** A new way to this port, open. */
  static async to(port: number): Promise<CutableWay> {
    const server = createServer((inner) => way.join(inner, port));
    const way = new CutableWay(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return way;
  }

  /** Where it begins. */
  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** Whether it can be gone; closing it ends all connections on it. */
  set open(open: boolean) {
    this.cut = !open;
    if (this.cut) for (const socket of this.sockets) socket.destroy();
  }

  /** From now on what is sent does not arrive, while those who send it believe that it does. The answer ends that. */
  hold(): () => void {
    const held = [...this.callers];
    for (const [inner] of held) inner.unpipe().pause();
    return () => {
      for (const [inner, outer] of held) inner.pipe(outer);
    };
  }

  close(): void {
    this.open = false;
    this.server.close();
  }

  private join(inner: Socket, port: number): void {
    if (this.cut) return void inner.destroy();
    const outer = connect(port, '127.0.0.1');
    this.callers.set(inner, outer);
    inner.on('close', () => this.callers.delete(inner));
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
