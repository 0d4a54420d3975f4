import { Injectable } from '@nestjs/common';
import { LiveFeed } from '../../../platform/feed/live-feed';
import { QueueState } from './queue-state';

/** Tells those who watch how a queue stands. */
@Injectable()
export class QueueNews {
  constructor(
    private readonly state: QueueState,
    private readonly feed: LiveFeed,
  ) {}

  /** To be called after the commit of what has changed. */
  async changed(queue: string): Promise<void> {
    await this.feed.publish('queues', { queue, ...(await this.state.standing(queue)) });
  }
}
