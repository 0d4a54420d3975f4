import { Logger } from '@nestjs/common';
import { AppError } from '../platform/errors/app-error';
import type { MessageBus } from '../platform/messages/message-bus';
import type { Db } from '../platform/postgres/db';
import type { GatewayTickets } from '../platform/security/gateway-tickets';
import type { Actor, Role } from '../platform/security/roles';
import type { SigningKeys } from '../platform/security/signing-keys';
import type { RuntimeSettings } from '../platform/settings/runtime-settings';
import type { AuthService } from '../user-api/auth/auth.service';
import type { Connection } from './connection';
import type { FeedHub } from './feed/feed-hub';
import type { LogTail } from './logs/log-tail';
import { SignIn } from './sign-in';
import { Subscriptions } from './subscriptions';
import type { TopicAccess } from './topic-access';

const EXPIRES_AT = 4_000_000_000_000;
const TOKEN = `header.${Buffer.from(JSON.stringify({ exp: EXPIRES_AT / 1_000 })).toString('base64url')}.signature`;

const actorOf = (userId: string, role: Role): Actor => ({
  userId,
  email: `${userId}@example.com`,
  role,
  sessionId: `session of ${userId}`,
});

/** A connection that only remembers what is done to it. */
function connectionOf(actor: Actor, topics: readonly string[]) {
  const close = jest.fn<void, [number, string]>(() => {
    connection.open = false;
  });
  const connection = {
    id: actor.userId,
    ip: '127.0.0.1',
    open: true,
    signedIn: { actor, verify: () => Promise.resolve(actor), expiresAt: EXPIRES_AT },
    subscriptions: new Map(topics.map((topic) => [topic, {}])),
    setDeadline: jest.fn(),
    close,
  };
  return connection;
}

describe('SignIn', () => {
  let refusal: jest.MockedFunction<TopicAccess['refusal']>;
  let authenticate: jest.Mock<Promise<Actor>, [string]>;
  let rows: { id: string; role: Role }[];
  let signing: SignIn;

  beforeEach(() => {
    Logger.overrideLogger(false);
    jest.useFakeTimers();
    refusal = jest.fn();
    refusal.mockResolvedValue('FORBIDDEN');
    authenticate = jest.fn();
    rows = [];
    const access = { refusal } as unknown as TopicAccess;
    signing = new SignIn(
      { authenticate } as unknown as AuthService,
      new Subscriptions({} as FeedHub, access, {} as LogTail),
      {} as GatewayTickets,
      {} as SigningKeys,
      {} as RuntimeSettings,
      { query: () => Promise.resolve(rows) } as unknown as Db,
      { on: () => undefined } as unknown as MessageBus,
    );
  });

  afterEach(() => {
    signing.stop();
    jest.useRealTimers();
  });

  const watch = (...connections: object[]) => {
    signing.start(new Set(connections as Connection[]));
    return jest.advanceTimersByTimeAsync(1_000);
  };

  it('closes who was demoted though their topics cannot be checked, and looks at all others', async () => {
    const first = connectionOf(actorOf('first', 'supervisor'), ['job:1', 'ssot']);
    const second = connectionOf(actorOf('second', 'supervisor'), ['ssot']);
    const same = connectionOf(actorOf('same', 'supervisor'), ['ssot']);
    rows = [first, second].map(({ signedIn: { actor } }) => ({ id: actor.sessionId, role: 'user' }));
    rows.push({ id: same.signedIn.actor.sessionId, role: 'supervisor' });
    refusal.mockRejectedValueOnce(new Error('Postgres is away'));
    await watch(first, second, same);
    expect(first.close).toHaveBeenCalledWith(1013, expect.any(String));
    expect(second.close).toHaveBeenCalledWith(4403, expect.any(String));
    expect(same.open).toBe(true);
  });

  it('closes who renews a token with a lower role though their topics cannot be checked', async () => {
    const connection = connectionOf(actorOf('one', 'supervisor'), ['job:1', 'ssot']);
    authenticate.mockResolvedValue(actorOf('one', 'user'));
    refusal.mockRejectedValueOnce(new AppError('SERVICE_UNAVAILABLE'));
    await signing.signIn(connection as unknown as Connection, TOKEN);
    expect(connection.close).toHaveBeenCalledWith(1013, expect.any(String));
  });

  it('sets no deadline for a connection that has gone while its token was verified', async () => {
    const connection = connectionOf(actorOf('one', 'user'), []);
    authenticate.mockImplementation(() => {
      connection.open = false;
      return Promise.resolve(actorOf('one', 'user'));
    });
    await signing.signIn(connection as unknown as Connection, TOKEN);
    expect(connection.setDeadline).not.toHaveBeenCalled();
  });
});
