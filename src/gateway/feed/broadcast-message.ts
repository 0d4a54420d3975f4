import { deflatedFrame } from '../text-frame';

/** A message for any number of clients: one frame for those who take it as it is, one for those who compress. */
export class BroadcastMessage {
  private small: Buffer | undefined;

  /** @param frame as it is */
  constructor(readonly frame: Buffer) {}

  /** Compressed, where that gains something; made when the first one needs it. */
  get deflated(): Buffer {
    return (this.small ??= deflatedFrame(this.frame));
  }
}
