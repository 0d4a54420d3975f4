import {
  CLOSE,
  type ClientFrame,
  type ErrorFrame,
  type EventFrame,
  type LogFilter,
  type Position,
  type ServerFrame,
} from '../protocol';
import { Backoff } from './backoff';
import { closeReason } from './close-reason';
import { Follow, type FollowHandlers, type GatewayEnd } from './follow';

/** What the client needs of a WebSocket; browsers' and `ws`' both have it. */
export interface SocketLike {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** How the client connects. */
export interface GatewayClientOptions {
  /** ws:// or wss:// and the gateway's address. */
  url: string;
  /** The access token, asked for at each connection and before it expires. */
  token: () => string | Promise<string>;
  /** Makes a socket; `new WebSocket(url)` of the browser, or of the package `ws` in Node. */
  connect: (url: string) => SocketLike;
  /** Told of each change of state, for an "offline" mark. */
  onState?: (state: ClientState) => void;
  /** Told why the client has given up for good, such as a token that is not good. */
  onEnd?: (reason: GatewayEnd) => void;
}

/** `ended`: for good; the others come and go. */
export type ClientState = 'connecting' | 'ready' | 'offline' | 'ended';

/** Closes after which coming back the same way is of no use. */
const TERMINAL: readonly number[] = [CLOSE.policy, CLOSE.tooBig, CLOSE.forbidden];
/** How long to wait with a subscription or a renewal that could not be made for the moment, in milliseconds. */
const RETRY_MS = 2_000;
/** How long before its end a token is renewed, in milliseconds. */
const RENEW_BEFORE_MS = 60_000;
/** The longest silence before the connection is taken for dead; pings go out in half of it, in milliseconds. */
const SILENCE_MS = 60_000;

/**
 * A client of the gateway for Node and browsers: signs in, follows topics, and comes back by itself after a
 * lost connection, going on where each topic was.
 */
export class GatewayClient {
  private readonly follows = new Map<string, Follow>();
  private readonly backoff = new Backoff();
  private socket: SocketLike | undefined;
  private ready = false;
  private over = false;
  /** Connections in a row whose token was refused. */
  private refusals = 0;
  /** Whether the token was refused on this connection. */
  private refused = false;
  /** Whether topics that were not answered for are about to be asked for again. */
  private asksAgain = false;
  private heardAt = 0;
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(private readonly options: GatewayClientOptions) {}

  /** Connects, and stays connected until {@link close}. */
  open(): this {
    if (!this.socket && !this.over) this.connect();
    return this;
  }

  /**
   * Follows a topic until the answer is called. A topic has one follower per client.
   *
   * @param since where to go on, if the topic was followed before, in another client
   * @param filter of the topic `logs`
   */
  follow(topic: string, handlers: FollowHandlers, since?: Position, filter?: LogFilter): () => void {
    if (this.follows.has(topic)) throw new Error(`The topic ${topic} is followed already`);
    const follow = new Follow(topic, handlers, since, filter);
    this.follows.set(topic, follow);
    if (this.ready) this.send(follow.request());
    return () => {
      // Not one that somebody else began since.
      if (this.follows.get(topic) !== follow) return;
      this.follows.delete(topic);
      if (this.ready) this.send({ type: 'unsubscribe', topic });
    };
  }

  /** Begins a followed topic anew, as if it had not been followed before; what comes until then is not told. */
  again(topic: string): void {
    const follow = this.follows.get(topic);
    if (!follow) return;
    follow.position = undefined;
    if (this.ready) this.send(follow.request());
  }

  /** The events of a topic, one after the other, until the loop is left or the client ends. */
  async *events<T = unknown>(topic: string, since?: Position): AsyncGenerator<EventFrame & { data: T }> {
    const waiting: EventFrame[] = [];
    let failure: Error | undefined;
    let wake: () => void = () => undefined;
    const end = this.follow(
      topic,
      {
        event: (event) => {
          waiting.push(event);
          wake();
        },
        refused: (error) => {
          failure = new Error(`${error.code}: ${error.message}`);
          wake();
        },
        ended: () => wake(),
      },
      since,
    );
    try {
      for (;;) {
        for (let event = waiting.shift(); event; event = waiting.shift())
          yield event as EventFrame & { data: T };
        if (failure) throw failure;
        if (this.over) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      end();
    }
  }

  /** Where a followed topic is, to go on from there later; undefined before it began. */
  position(topic: string): Position | undefined {
    return this.follows.get(topic)?.position;
  }

  /** Ends for good. */
  close(): void {
    this.end({ code: 1000, reason: 'closed by the client' });
  }

  private connect(): void {
    this.options.onState?.('connecting');
    const socket = this.options.connect(this.options.url);
    this.socket = socket;
    this.refused = false;
    this.asksAgain = false;
    this.heardAt = Date.now();
    socket.onopen = () => void this.signIn(socket);
    socket.onmessage = (event: { data: unknown }) => {
      if (socket === this.socket) this.receive(socket, String(event.data));
    };
    // Always followed by onclose.
    socket.onerror = () => undefined;
    socket.onclose = (event: { code: number; reason: unknown }) => {
      if (socket === this.socket) this.lost({ code: event.code, reason: String(event.reason) });
    };
  }

  private async signIn(socket: SocketLike): Promise<void> {
    try {
      const token = await this.options.token();
      if (socket === this.socket) this.send({ type: 'auth', token });
    } catch (error) {
      // Without a token there is nothing to wait for on this connection.
      if (socket === this.socket) socket.close(3_000, closeReason((error as Error).message));
    }
  }

  private receive(socket: SocketLike, text: string): void {
    this.heardAt = Date.now();
    const frame = JSON.parse(text) as ServerFrame;
    if (frame.type === 'ready') return this.signedIn(socket, Date.parse(frame.expires_at));
    if (frame.type === 'error' && frame.topic === undefined) return this.failed(socket, frame);
    const follow = 'topic' in frame ? this.follows.get(frame.topic ?? '') : undefined;
    if (!follow) return;
    follow.answered ||= frame.type === 'subscribed' || frame.type === 'error';
    if (frame.type !== 'error' || frame.code !== 'SERVICE_UNAVAILABLE') return follow.receive(frame);
    this.later(RETRY_MS, () => {
      if (this.follows.get(follow.topic) === follow) this.send(follow.request());
    });
  }

  /** An error that is about no topic is one of the sign-in, or of a frame that this client does not send. */
  private failed(socket: SocketLike, { code }: ErrorFrame): void {
    if (code === 'UNAUTHORIZED') this.refused = true;
    // Of a renewal: the connection is good until the token expires. At the first sign-in the gateway closes it.
    else if (code === 'SERVICE_UNAVAILABLE' && this.ready)
      this.later(RETRY_MS, () => void this.signIn(socket));
    // The gateway did not look at what came too fast, so it cannot say which topic that was about.
    else if (code === 'RATE_LIMITED' && this.ready && !this.asksAgain) {
      this.asksAgain = true;
      this.later(RETRY_MS, () => this.askUnanswered());
    }
  }

  private askUnanswered(): void {
    this.asksAgain = false;
    for (const follow of this.follows.values()) if (!follow.answered) this.send(follow.request());
  }

  private signedIn(socket: SocketLike, expiresAt: number): void {
    const left = expiresAt - Date.now();
    const renewIn = Math.max(1_000, left - Math.min(RENEW_BEFORE_MS, left / 2));
    this.later(renewIn, () => void this.signIn(socket));
    if (this.ready) return;
    this.watch(socket);
    this.ready = true;
    this.refusals = 0;
    this.backoff.reset();
    this.options.onState?.('ready');
    for (const follow of this.follows.values()) this.send(follow.request());
  }

  /** A connection can die without a word: one that stays silent in spite of pings is replaced. */
  private watch(socket: SocketLike): void {
    this.later(SILENCE_MS / 2, () => {
      if (socket !== this.socket) return;
      if (Date.now() - this.heardAt > SILENCE_MS) {
        socket.close();
        return this.lost({ code: 1006, reason: 'silence' });
      }
      this.send({ type: 'ping' });
      this.watch(socket);
    });
  }

  private lost(reason: GatewayEnd): void {
    this.socket = undefined;
    this.ready = false;
    this.clearTimers();
    if (this.over) return;
    // A token can have expired on the way: the next one gets a chance, but not a third. A connection whose token was
    // not refused may have been closed because nobody could tell whether it is good.
    const refused = reason.code === CLOSE.unauthenticated && this.refused;
    if ((refused && ++this.refusals > 1) || TERMINAL.includes(reason.code)) return this.end(reason);
    this.options.onState?.('offline');
    this.later(reason.code === CLOSE.goingAway ? this.backoff.soon() : this.backoff.next(), () =>
      this.connect(),
    );
  }

  private end(reason: GatewayEnd): void {
    if (this.over) return;
    this.over = true;
    this.ready = false;
    this.clearTimers();
    this.socket?.close(1000);
    this.socket = undefined;
    this.options.onState?.('ended');
    this.options.onEnd?.(reason);
    for (const follow of this.follows.values()) follow.handlers.ended?.(reason);
  }

  private send(frame: ClientFrame): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  private later(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      then();
    }, ms);
    this.timers.add(timer);
  }

  private clearTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}
