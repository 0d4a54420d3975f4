import type { Actor, Role } from '../platform/security/roles';
import type { Connection } from './connection';
import type { FeedHub } from './feed/feed-hub';
import type { LogTail } from './logs/log-tail';
import { Subscriptions } from './subscriptions';
import type { TopicAccess } from './topic-access';

const actorOf = (role: Role): Actor => ({ userId: 'u', email: 'u@example.test', role, sessionId: 's' });

/** A connection of a supervisor whose role becomes `role` while the history of its topic is read. */
function demotedMeanwhile(role: Role) {
  const close = jest.fn<void, [number, string]>();
  const connection = {
    ip: '127.0.0.1',
    open: true,
    signedIn: { actor: actorOf('supervisor') },
    subscriptions: new Map<string, object>(),
    close,
  };
  const hub = {
    subscribe: () => {
      connection.signedIn = { actor: actorOf(role) };
      return Promise.resolve({ end: () => undefined });
    },
  } as unknown as FeedHub;
  const access = {
    refusal: (actor: Actor) => Promise.resolve(actor.role === 'user' ? 'FORBIDDEN' : undefined),
  } as unknown as TopicAccess;
  const subscriptions = new Subscriptions(hub, access, {} as LogTail);
  return { close, follow: () => subscriptions.add(connection as unknown as Connection, 'queues') };
}

describe('a subscription', () => {
  it('ends the connection if the role went away while it was made: nobody else has seen it yet', async () => {
    const { close, follow } = demotedMeanwhile('user');
    await follow();
    expect(close).toHaveBeenCalledWith(4403, expect.any(String));
  });

  it('stays if the new role allows it as well', async () => {
    const { close, follow } = demotedMeanwhile('readonly');
    await follow();
    expect(close).not.toHaveBeenCalled();
  });
});
