import { gatewayDeliveries } from '../gateway-metrics';
import type { Position } from '../protocol';
import type { Delivery } from './delivery';

/** Where a subscription's frames go. */
export interface Sink {
  /** Events follow from `position.offset` + 1; without `recovered` the subscriber has to take a snapshot. */
  begin(position: Position, recovered: boolean): void;
  /** One prepared frame. */
  write(frame: Buffer): void;
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

  /** @param wants of which events the subscriber is told; of all, if not given */
  constructor(
    private readonly sink: Sink,
    private readonly leave: (subscription: TopicSubscription) => void,
    private readonly wants: (data: unknown) => boolean = () => true,
  ) {}

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
  live(position: Position, recovered: boolean, missed: readonly Delivery[], snapshot?: Buffer): void {
    const kept = this.pending ?? [];
    this.pending = undefined;
    this.pendingBytes = 0;
    this.sent = position.offset;
    this.sink.begin(position, recovered);
    if (snapshot) this.sink.write(snapshot);
    for (const delivery of missed) this.push(delivery);
    for (const delivery of kept) this.push(delivery);
  }

  /** An event of the topic; offsets rise by 1 from call to call. */
  push(delivery: Delivery): void {
    if (this.pending) {
      this.pendingBytes += delivery.frame.length;
      if (this.pendingBytes > MAX_PENDING) return this.sink.overflow();
      this.pending.push(delivery);
    } else if (delivery.offset > this.sent) {
      this.sent = delivery.offset;
      if (!this.wants(delivery.data)) return;
      gatewayDeliveries.inc();
      this.sink.write(delivery.frame);
    }
  }

  /** No more is sent. */
  end(): void {
    this.over = true;
    this.leave(this);
  }
}
