import { WebSocket } from 'ws';
import { followState, type FollowedState } from '../../src/gateway/client/follow-state';
import { GatewayClient } from '../../src/gateway/client/gateway-client';
import type { SubscribedFrame } from '../../src/gateway/protocol';
import type { Book } from './book';
import { readEvent, Tape } from './tape';

/** The topic that has a state. */
export const STATE_TOPIC = 'ssot';

/** Who follows the feed, and where. */
export interface SubscriberOptions {
  name: string;
  token: string;
  /** The gateway to connect to, asked for at each connection. */
  gateway: () => string;
  /** By topic; all of them are followed. */
  books: ReadonlyMap<string, Book>;
  /** Whether each state is compared with its hash, or the last one alone. */
  verifies: boolean;
}

/** One client of the gateway that follows all topics of the soak, and is cut off now and then. */
export class Subscriber {
  readonly tapes: ReadonlyMap<string, Tape>;
  readonly state: FollowedState;
  /** Connections so far. */
  connections = 0;
  /** The copy of the state that it was told last. */
  copy: { version: number } | undefined;
  private readonly client: GatewayClient;
  private socket: WebSocket | undefined;

  constructor(private readonly options: SubscriberOptions) {
    const { books, name } = options;
    this.tapes = new Map([...books].map(([topic, book]) => [topic, new Tape(name, book)]));
    this.client = new GatewayClient({
      url: 'any of them',
      token: () => options.token,
      connect: () => this.connect(),
      onEnd: ({ code, reason }) => this.violated(`ended with ${code} ${reason}`),
    });
    this.state = this.followState();
    for (const topic of books.keys()) {
      if (topic === STATE_TOPIC) continue;
      this.client.follow(topic, { event: () => undefined, refused: ({ code }) => this.violated(code) });
    }
  }

  /** Connects, and comes back whenever the connection is lost. */
  open(): void {
    this.client.open();
  }

  /** Loses the connection, whatever is under way on it. */
  cut(): void {
    this.socket?.terminate();
  }

  /** Ends it. */
  close(): void {
    this.client['options'].onEnd = undefined;
    this.client.close();
  }

  private followState(): FollowedState {
    return followState<{ version: number }>(
      this.client,
      STATE_TOPIC,
      {
        state: (state) => (this.copy = state),
        mismatch: (offset) => this.violated(`its state at ${offset} has another hash`),
        refused: ({ code }) => this.violated(code),
      },
      { verify: this.options.verifies },
    );
  }

  private connect(): WebSocket {
    this.connections++;
    // Some offer to compress, as browsers do: what they are told must be the same.
    const socket = new WebSocket(this.options.gateway(), { perMessageDeflate: this.connections % 4 === 0 });
    socket.on('message', (data: Buffer) => this.hear(data.toString()));
    socket.on('error', () => undefined); // always followed by 'close'
    return (this.socket = socket);
  }

  private hear(text: string): void {
    const event = readEvent(text);
    if (event) return this.tapes.get(event.topic)?.heard(event.offset, text);
    if (!text.startsWith('{"type":"subscribed"')) return;
    const frame = JSON.parse(text) as SubscribedFrame;
    this.tapes.get(frame.topic)?.begun(frame);
  }

  private violated(what: string): void {
    this.options.books.get(STATE_TOPIC)?.violated(this.options.name, what);
  }
}
