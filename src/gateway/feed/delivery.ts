import type { FeedEvent } from '../../platform/feed/live-feed';
import type { EventFrame } from '../protocol';
import { textFrame } from '../text-frame';
import { BroadcastMessage } from './broadcast-message';

/** An event on its way to subscribers, as one message for all of them, made when the first one needs it. */
export class Delivery {
  private made: BroadcastMessage | undefined;
  private read: { readonly data: unknown } | undefined;

  constructor(private readonly event: FeedEvent) {}

  get offset(): number {
    return this.event.offset;
  }

  /** What the event says, read when the first filter asks. */
  get data(): unknown {
    return (this.read ??= { data: JSON.parse(this.event.json) as unknown }).data;
  }

  /** The event as it goes over the wire. */
  get message(): BroadcastMessage {
    return (this.made ??= this.make());
  }

  private make(): BroadcastMessage {
    const { topic, offset, json } = this.event;
    const head = { type: 'event', topic, offset } satisfies Omit<EventFrame, 'data'>;
    // What it says is JSON already.
    return new BroadcastMessage(textFrame(`${JSON.stringify(head).slice(0, -1)},"data":${json}}`));
  }
}
