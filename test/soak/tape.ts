import type { SubscribedFrame } from '../../src/gateway/protocol';
import type { Book } from './book';

/** How the gateway writes events; to parse them all a second time would be the larger part of a soak's work. */
const EVENT = /^\{"type":"event","topic":"([^"]+)","offset":(\d+),/;

/**
 * What one subscriber hears of one topic, over all its connections, taken from the wire: the client under test would
 * hide repeats. Every number must be the one before plus 1, from the first word on.
 */
export class Tape {
  /** The last number heard; undefined before the first word. */
  offset: number | undefined;

  constructor(
    private readonly who: string,
    private readonly book: Book,
  ) {}

  /** A subscription was confirmed. */
  begun({ offset, epoch, recovered }: SubscribedFrame): void {
    this.book.in(epoch, this.who);
    if (this.offset === undefined) this.offset = offset;
    else if (!recovered)
      this.book.violated(this.who, `was at ${this.offset}, and not recovered at ${offset}`);
    else if (offset !== this.offset)
      this.book.violated(this.who, `was at ${this.offset}, and resumed at ${offset}`);
    else this.book.resumed++;
    this.offset = offset;
  }

  /** An event came. */
  heard(offset: number, text: string): void {
    if (this.offset === undefined || offset !== this.offset + 1)
      this.book.violated(this.who, `heard ${offset} after ${this.offset}`);
    this.offset = offset;
    this.book.got(offset, text, this.who);
  }
}

/** Topic and number of an event, as text; undefined for another frame. */
export function readEvent(text: string): { topic: string; offset: number } | undefined {
  const [, topic, offset] = EVENT.exec(text) ?? [];
  return topic === undefined ? undefined : { topic, offset: Number(offset) };
}
