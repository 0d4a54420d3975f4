import { gatewayDeliveries } from '../gateway-metrics';
import type { Position } from '../protocol';

/** Where a subscription's frames go. */
export interface Sink {
  /** Events follow from `position.offset` + 1; without `recovered` the subscriber has to take a snapshot. */
  begin(position: Position, recovered: boolean): void;
  /** One prepared event. */
  write(frame: Buffer): void;
  /** More came than can be kept while the history was being read. */
  overflow(): void;
}

/** What may be kept for a subscription while its history is being read, in bytes. */
const MAX_PENDING = 1024 * 1024;

/** One subscriber of a topic in this process. */
export class TopicSubscription {
  /** What came while the history is being read; undefined once live. */
  private pending: { offset: number; frame: Buffer }[] | undefined;
  private pendingBytes = 0;
  /** The last offset that it was sent, or need not be sent. */
  private sent = 0;

  constructor(
    private readonly sink: Sink,
    private readonly leave: (subscription: TopicSubscription) => void,
  ) {}

  /** Whether it waits for its history. */
  get held(): boolean {
    return this.pending !== undefined;
  }

  /** What comes from now on is kept until {@link live}: the history must go first. */
  hold(): void {
    this.pending = [];
  }

  /** Tells the subscriber where it stands, sends what it missed, then what came meanwhile; live from then on. */
  live(position: Position, recovered: boolean, missed: readonly { offset: number; frame: Buffer }[]): void {
    const kept = this.pending ?? [];
    this.pending = undefined;
    this.pendingBytes = 0;
    this.sent = position.offset;
    this.sink.begin(position, recovered);
    for (const { offset, frame } of missed) this.push(offset, frame);
    for (const { offset, frame } of kept) this.push(offset, frame);
  }

  /** An event of the topic; offsets rise by 1 from call to call. */
  push(offset: number, frame: Buffer): void {
    if (this.pending) {
      this.pendingBytes += frame.length;
      if (this.pendingBytes > MAX_PENDING) return this.sink.overflow();
      this.pending.push({ offset, frame });
    } else if (offset > this.sent) {
      this.sent = offset;
      gatewayDeliveries.inc();
      this.sink.write(frame);
    }
  }

  /** No more is sent. */
  end(): void {
    this.leave(this);
  }
}
