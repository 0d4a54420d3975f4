import { type PerMessageDeflateOptions, WebSocket } from 'ws';
import { eventually } from './eventually';

/** A frame of the gateway. */
export interface Frame {
  type: string;
  topic?: string;
  offset?: number;
  epoch?: string;
  recovered?: boolean;
  data?: Record<string, unknown>;
  code?: string;
  message?: string;
  [key: string]: unknown;
}

/** A raw client of the gateway that keeps every frame it gets. */
export class WsClient {
  readonly frames: Frame[] = [];
  /** Set once the connection is closed, by either side. */
  closed: { code: number; reason: string } | undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data) => this.frames.push(JSON.parse((data as Buffer).toString()) as Frame));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    // An error is always followed by 'close', which is what tests look at.
    socket.on('error', () => undefined);
  }

  /**
   * Opens a connection without signing in. Rejects if the upgrade is refused.
   *
   * @param options.perMessageDeflate whether it offers to compress, as browsers do; not, if not given
   * @param options.headers of the handshake, besides the usual ones
   */
  static async open(
    url: string,
    options: {
      origin?: string;
      perMessageDeflate?: boolean | PerMessageDeflateOptions;
      headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<WsClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    const client = new WsClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) =>
        reject(new Error(`the upgrade was refused with ${response.statusCode}`)),
      );
    });
    return client;
  }

  /** Opens a connection and signs in. */
  static async connect(
    url: string,
    token: string,
    options: Parameters<typeof WsClient.open>[1] = {},
  ): Promise<WsClient> {
    const client = await WsClient.open(url, options);
    client.send({ type: 'auth', token });
    await client.waitFor((frame) => frame.type === 'ready');
    return client;
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Subscribes to a topic, resuming after `since` if given; returns the gateway's confirmation. */
  async subscribe(topic: string, since?: { offset: number; epoch: string }): Promise<Frame> {
    const from = this.frames.length;
    this.send({ type: 'subscribe', topic, ...(since ? { since } : {}) });
    const answer = await this.waitFor(
      (frame, index) => index >= from && frame.topic === topic && frame.type !== 'event',
    );
    if (answer.type !== 'subscribed') throw new Error(`subscribing to ${topic}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The events of a topic so far, in the order in which they came. */
  events(topic: string): Frame[] {
    return this.frames.filter((frame) => frame.type === 'event' && frame.topic === topic);
  }

  /** The first frame, past or future, that matches. */
  async waitFor(matches: (frame: Frame, index: number) => boolean, timeoutMs = 30_000): Promise<Frame> {
    return eventually(
      () => {
        const frame = this.frames.find(matches);
        if (frame) return frame;
        const tail = this.frames.slice(-5).map((f) => JSON.stringify(f));
        throw new Error(
          `no such frame in ${this.frames.length}${this.closed ? ` (closed with ${this.closed.code})` : ''}: ${tail.join('\n')}`,
        );
      },
      { timeoutMs, intervalMs: 20 },
    );
  }

  async close(): Promise<void> {
    if (this.closed) return;
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    this.socket.close();
    await closed;
  }
}
