import { Injectable } from '@nestjs/common';
import { LiveFeed } from '../../../platform/feed/live-feed';
import { MessageBus } from '../../../platform/messages/message-bus';
import { QueueState } from './queue-state';

/** Tells those who watch how a queue stands. */
@Injectable()
export class QueueNews {
  constructor(
    private readonly state: QueueState,
    private readonly feed: LiveFeed,
    private readonly bus: MessageBus,
  ) {}

  /** To be called after the commit of what has changed. */
  async changed(queue: string): Promise<void> {
    const standing = await this.state.standing(queue);
    await Promise.all([
      this.feed.publish('queues', { queue, ...standing }),
      this.bus.publish('queue.changed', { queue }),
    ]);
  }
}
