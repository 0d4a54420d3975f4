import type { FeedEvent } from '../../platform/feed/live-feed';
import type { EventFrame } from '../protocol';
import { textFrame } from '../text-frame';

/** An event on its way to subscribers, as one frame for all of them, made when the first one needs it. */
export class Delivery {
  private made: Buffer | undefined;

  constructor(private readonly event: FeedEvent) {}

  get offset(): number {
    return this.event.offset;
  }

  get data(): unknown {
    return this.event.data;
  }

  /** The event as it goes over the wire. */
  get frame(): Buffer {
    return (this.made ??= this.make());
  }

  private make(): Buffer {
    const { topic, offset, data } = this.event;
    return textFrame(JSON.stringify({ type: 'event', topic, offset, data } satisfies EventFrame));
  }
}
