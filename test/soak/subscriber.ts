import { WebSocket } from 'ws';
import { followState, type FollowedState } from '../../src/gateway/client/follow-state';
import { GatewayClient } from '../../src/gateway/client/gateway-client';
import type { SubscribedFrame } from '../../src/gateway/protocol';
import type { Book } from './book';
import { readEvent, Tape } from './tape';

/** The topic that has a state. */
export const STATE_TOPIC = 'ssot';

/** One in so many connections compresses. */
const COMPRESSES_EVERY = 16;
/**
 * `ws` lets 10 messages of a whole process be inflated at a time, each of which takes turns of its event loop: in a busy
 * one these clients would fall behind further and further, whatever the gateway does.
 */
const INFLATION = { concurrencyLimit: 1_000 };

/** Who follows the feed, and where. */
export interface SubscriberOptions {
  name: string;
  /** By which connections that compress are spread over all. */
  number: number;
  token: string;
  /** The gateway to connect to, asked for at each connection. */
  gateway: () => string;
  /** What it follows from the start. */
  books: Iterable<Book>;
  /** Whether each state is compared with its hash, or the last one alone. */
  verifies: boolean;
  /** Told of what is not as it must be, and of no topic alone. */
  violated(what: string): void;
}

/** One client of the gateway that follows topics of the soak, and is cut off now and then. */
export class Subscriber {
  readonly tapes = new Map<string, Tape>();
  /** If it follows one. */
  state: FollowedState | undefined;
  /** Connections so far. */
  connections = 0;
  /** The copy of the state that it was told last. */
  copy: { version: number } | undefined;
  readonly name: string;
  private readonly client: GatewayClient;
  private socket: WebSocket | undefined;

  constructor(private readonly options: SubscriberOptions) {
    this.name = options.name;
    this.client = new GatewayClient({
      url: 'any of them',
      token: () => options.token,
      connect: () => this.connect(),
      onEnd: ({ code, reason }) => this.violated(`ended with ${code} ${reason}`),
    });
    for (const book of options.books) this.follow(book);
  }

  /** Connects, and comes back whenever the connection is lost. */
  open(): void {
    this.client.open();
  }

  /** Follows the topic of a book, to the end. */
  follow(book: Book): void {
    const { topic } = book;
    this.tapes.set(topic, new Tape(this.name, book));
    if (topic === STATE_TOPIC) this.state = this.followState();
    else
      this.client.follow(topic, {
        event: () => undefined,
        refused: ({ code }) => this.violated(`${topic}: ${code}`),
      });
  }

  /** Whether everything that it follows has begun. */
  get begun(): boolean {
    return (
      (!this.state || this.copy !== undefined) &&
      [...this.tapes.values()].every(({ offset }) => offset !== undefined)
    );
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
    const compresses = (this.options.number + this.connections) % COMPRESSES_EVERY === 0;
    const socket = new WebSocket(this.options.gateway(), { perMessageDeflate: compresses && INFLATION });
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
    this.options.violated(`${this.name}: ${what}`);
  }
}
