import type { Socket } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { WebSocket } from 'ws';
import type { Actor } from '../platform/security/roles';
import type { BroadcastMessage } from './feed/broadcast-message';
import type { TopicSubscription } from './feed/topic-subscription';
import { gatewayCloses } from './gateway-metrics';
import { MessageBudget } from './message-budget';
import { CLOSE, type ServerFrame } from './protocol';
import { textFrame } from './text-frame';

/** What may wait for a client that reads slowly, in bytes. */
const MAX_BUFFERED = 1024 * 1024;
/** How long a client may take to answer a close, in milliseconds. */
const CLOSE_WAIT_MS = 1_000;

/** Who a connection belongs to. */
export interface SignedIn {
  actor: Actor;
  /** Who it is now. Rejects with UNAUTHORIZED if what was signed in with is not good any more. */
  verify: () => Promise<Actor>;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** One open connection: what it may, what it follows, and the writing to it. */
export class Connection {
  readonly id = uuidv7();
  readonly budget = new MessageBudget();
  /** What it follows, by topic; undefined while a subscription is being made. */
  readonly subscriptions = new Map<string, TopicSubscription>();
  signedIn: SignedIn | undefined;
  /** Whether anything came since the last ping. */
  alive = true;
  /** Malformed messages so far. */
  strikes = 0;
  /** Fires when it must have signed in, or its token expires. */
  private deadline: NodeJS.Timeout | undefined;
  /** Whether it has agreed on permessage-deflate, which is all that the gateway agrees on. */
  private readonly deflates: boolean;
  private queue: Promise<void> = Promise.resolve();
  private queued = 0;

  /**
   * @param ws the protocol's end
   * @param socket the TCP socket under it; prepared frames are written there, which is safe because `ws` is given no
   *   messages of its own to send, and so keeps no queue of them
   */
  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Socket,
    readonly ip: string,
  ) {
    this.deflates = ws.extensions !== '';
  }

  get open(): boolean {
    return this.ws.readyState === WebSocket.OPEN;
  }

  /** Messages that wait for their turn. */
  get backlog(): number {
    return this.queued;
  }

  /** Sends one frame to this client alone. */
  send(frame: ServerFrame): void {
    this.writeFrame(textFrame(JSON.stringify(frame)));
  }

  /** Sends a prepared message, or cuts the client off if more than 1 MB would wait for it. */
  write(message: BroadcastMessage): void {
    this.writeFrame(this.deflates ? message.deflated : message.frame);
  }

  /** Sends a ping; false if nothing has come since the last one, and the client must be taken for gone. */
  ping(): boolean {
    if (!this.alive) return false;
    this.alive = false;
    if (this.open) this.ws.ping();
    return true;
  }

  /** Calls `then` at that time (milliseconds since 1970), instead of what was to be called before. */
  setDeadline(at: number, then: () => void): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(then, Math.max(0, at - Date.now()));
  }

  /** Runs `work` after all that was given before: a client's messages take effect in their order. */
  enqueue(work: () => Promise<void>): void {
    this.queued++;
    this.queue = this.queue.then(work).finally(() => this.queued--);
  }

  /** Closes with a code and a reason; a client that does not answer is cut off. */
  close(code: number, reason: string): void {
    if (!this.open) return;
    gatewayCloses.inc({ code: String(code) });
    this.ws.close(code, reason);
    setTimeout(() => this.ws.terminate(), CLOSE_WAIT_MS).unref();
  }

  /** Cuts the connection off without a word. */
  terminate(): void {
    this.ws.terminate();
  }

  /** Ends what belongs to it, once it is closed. */
  dispose(): void {
    clearTimeout(this.deadline);
    for (const subscription of this.subscriptions.values()) subscription.end();
    this.subscriptions.clear();
  }

  private writeFrame(frame: Buffer): void {
    if (!this.open) return;
    if (this.socket.writableLength + frame.length > MAX_BUFFERED) return this.close(CLOSE.slow, 'too slow');
    this.socket.write(frame);
  }
}
