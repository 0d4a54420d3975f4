import { Injectable } from '@nestjs/common';
import { LiveFeed } from '../../../platform/feed/live-feed';
import { type QueueStanding, QueueState } from './queue-state';

/** Tells those who watch how a queue stands. */
@Injectable()
export class QueueNews {
  constructor(
    private readonly state: QueueState,
    private readonly feed: LiveFeed,
  ) {}

  /** To be called after the commit of what has changed. @param after how it stands since, if that is known */
  async changed(queue: string, after?: QueueStanding): Promise<void> {
    await this.feed.publish('queues', { queue, ...(after ?? (await this.state.standing(queue))) });
  }
}
