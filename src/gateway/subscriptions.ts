import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../platform/errors/app-error';
import { LOG_TOPIC } from '../platform/feed/log-feed';
import type { Connection } from './connection';
import { FeedHub } from './feed/feed-hub';
import { gatewayResumes } from './gateway-metrics';
import { matcherOf } from './logs/log-filter';
import { LogTail } from './logs/log-tail';
import { CLOSE, type LogFilter, type Position } from './protocol';
import { TopicAccess } from './topic-access';
import { ADMIN_TOPICS, MAX_TOPICS } from './topics';
import { reasonOf } from '../platform/errors/unavailable';

/** What connections follow. */
@Injectable()
export class Subscriptions {
  private readonly log = new Logger(Subscriptions.name);

  constructor(
    private readonly hub: FeedHub,
    private readonly access: TopicAccess,
    private readonly logs: LogTail,
  ) {}

  /**
   * Makes a connection follow a topic, from `since` on if nothing of it is lost; the client is told which.
   * Following it again moves it to `since`.
   *
   * @throws AppError VALIDATION_ERROR for a filter where there is none, UNKNOWN_TOPIC, FORBIDDEN, IP_NOT_ALLOWED, JOB_NOT_FOUND, TOPIC_LIMIT
   */
  async add(connection: Connection, topic: string, since?: Position, filter?: LogFilter): Promise<void> {
    const actor = connection.signedIn?.actor;
    if (!actor) throw new AppError('UNAUTHORIZED');
    const refusal = await this.access.refusal(actor, connection.ip, topic);
    if (refusal) throw new AppError(refusal);
    if (filter && !ADMIN_TOPICS.get(topic)?.hasFilter)
      throw new AppError('VALIDATION_ERROR', 'This topic cannot be filtered.');
    connection.subscriptions.get(topic)?.end();
    connection.subscriptions.delete(topic);
    if (connection.subscriptions.size >= MAX_TOPICS) throw new AppError('TOPIC_LIMIT');
    if (topic === LOG_TOPIC) await this.logs.begin();
    const subscription = await this.hub.subscribe(
      topic,
      {
        receiver: connection,
        begin: (position, recovered) => {
          if (since) gatewayResumes.inc({ recovered: String(recovered) });
          connection.send({ type: 'subscribed', topic, ...position, recovered });
        },
        overflow: () => connection.close(CLOSE.slow, 'too slow'),
      },
      since,
      filter && matcherOf(filter),
    );
    try {
      if (topic === LOG_TOPIC) await this.logs.begin();
    } catch (error) {
      subscription.end();
      throw error;
    }
    if (!connection.open) return subscription.end();
    connection.subscriptions.set(topic, subscription);
    // The role may have changed while the history was read; what watches over it did not see this topic yet.
    if (connection.signedIn?.actor.role !== actor.role) await this.checkAgain(connection);
  }

  /**
   * Closes a connection whose user may not follow any more what it follows; to be called whenever the role has changed.
   * Never rejects: what cannot be checked does not stay either, since nobody would ask again.
   */
  async checkAgain(connection: Connection): Promise<void> {
    const actor = connection.signedIn?.actor;
    if (!actor) return;
    try {
      for (const topic of connection.subscriptions.keys()) {
        if (await this.access.refusal(actor, connection.ip, topic))
          return connection.close(CLOSE.forbidden, 'the role does not allow it any more');
      }
    } catch (error) {
      this.log.warn(`Connection ${connection.id}: its topics cannot be checked: ${reasonOf(error)}`);
      connection.close(CLOSE.tryLater, 'what the new role allows cannot be found out');
    }
  }

  /** Ends a subscription; does nothing if there is none. */
  remove(connection: Connection, topic: string): void {
    connection.subscriptions.get(topic)?.end();
    connection.subscriptions.delete(topic);
    connection.send({ type: 'unsubscribed', topic });
  }
}
