import { gatewayDeliveries } from '../gateway-metrics';
import type { Position } from '../protocol';
import type { BroadcastMessage } from './broadcast-message';
import type { Delivery } from './delivery';

/** Who gets prepared messages, whatever they are of. */
export interface Receiver {
  write(message: BroadcastMessage): void;
}

/** Where a subscription's frames go. */
export interface Sink {
  /** Who gets its messages: written to without a detour, as that is what a broadcast does thousands of times. */
  readonly receiver: Receiver;
  /** Events follow from `position.offset` + 1; without `recovered` the subscriber has to take a snapshot. */
  begin(position: Position, recovered: boolean): void;
  /** More came than can be kept while the history was being read. */
  overflow(): void;
}

/** What may be kept for a subscription while its history is being read, in bytes. */
const MAX_PENDING = 1024 * 1024;

/** One subscriber of a topic in this process. */
export class TopicSubscription {
  /** What came while history or snapshot are being read; undefined once live. */
  private pending: Delivery[] | undefined;
  private pendingBytes = 0;
  /** The last offset that it was sent, or need not be sent. */
  private sent = 0;
  private wait = 0;
  private over = false;
  private readonly receiver: Receiver;

  /** @param wants of which events the subscriber is told; of all, if not given */
  constructor(
    private readonly sink: Sink,
    private readonly leave: (subscription: TopicSubscription) => void,
    private readonly wants?: (data: unknown) => boolean,
  ) {
    this.receiver = sink.receiver;
  }

  /**
   * What comes from now on is kept until {@link live}: history or snapshot must go first.
   *
   * @returns what to ask {@link awaits} with, once they have been read
   */
  hold(): number {
    this.pending = [];
    this.pendingBytes = 0;
    return ++this.wait;
  }

  /** Whether it still waits for what that {@link hold} was for: not if it has ended, or begun anew since. */
  awaits(wait: number): boolean {
    return !this.over && this.pending !== undefined && this.wait === wait;
  }

  /**
   * Tells the subscriber where it stands, sends the snapshot, then what it missed, then what came meanwhile; live from
   * then on.
   */
  live(
    position: Position,
    recovered: boolean,
    missed: readonly Delivery[],
    snapshot?: BroadcastMessage,
  ): void {
    const kept = this.pending ?? [];
    this.pending = undefined;
    this.pendingBytes = 0;
    this.sent = position.offset;
    this.sink.begin(position, recovered);
    if (snapshot) this.receiver.write(snapshot);
    let told = 0;
    for (const delivery of missed) if (this.push(delivery)) told++;
    for (const delivery of kept) if (this.push(delivery)) told++;
    gatewayDeliveries.inc(told);
  }

  /**
   * An event of the topic; offsets rise by 1 from call to call. This is all that a broadcast does for each of thousands.
   *
   * @returns whether the subscriber was sent it
   */
  push(delivery: Delivery): boolean {
    if (this.pending) {
      this.keep(this.pending, delivery);
      return false;
    }
    if (delivery.offset <= this.sent) return false;
    this.sent = delivery.offset;
    if (this.wants && !this.wants(delivery.data)) return false;
    this.receiver.write(delivery.message);
    return true;
  }

  /** No more is sent. */
  end(): void {
    this.over = true;
    this.leave(this);
  }

  private keep(pending: Delivery[], delivery: Delivery): void {
    this.pendingBytes += delivery.message.frame.length;
    if (this.pendingBytes > MAX_PENDING) return this.sink.overflow();
    pending.push(delivery);
  }
}
