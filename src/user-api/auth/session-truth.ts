import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import type { Role } from '../../platform/security/roles';
import { LruMap } from '../../platform/caching/lru-map';

/** How long a process goes without asking Postgres again: a demotion bites within it even if a message is lost. */
const FRESH_MS = 1_000;
const CACHED_SESSIONS = 20_000;

const LIVE = prepared(`
SELECT u.id AS user_id, u.email, u.role
  FROM sessions s JOIN users u ON u.id = s.user_id
 WHERE s.id = $1 AND u.id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.enabled`);

/** A session that may be used, and who its user is now. */
export interface LiveSession {
  userId: string;
  email: string;
  role: Role;
}

interface Cached {
  userId: string;
  readAt: number;
  session: Promise<LiveSession | undefined>;
  /** What that came to. */
  live?: LiveSession;
}

/** Whether sessions live and what their users may do, as Postgres says, at most a second old. */
@Injectable()
export class SessionTruth implements OnModuleInit {
  private readonly cache = new LruMap<string, Cached>(CACHED_SESSIONS);

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(MessageBus) private readonly bus: MessageBus,
  ) {}

  onModuleInit(): void {
    this.bus.on('session.revoked', ({ session_id }) => this.forget(session_id));
    this.bus.on('user.changed', ({ user_id }) => this.cache.deleteWhere((entry) => entry.userId === user_id));
  }

  /** Asks Postgres anew the next time; for what this process has ended itself, without waiting for the message. */
  forget(sessionId: string): void {
    this.cache.delete(sessionId);
  }

  /** The session of that id and user; undefined if it ended, or the account is disabled. */
  async find(sessionId: string, userId: string): Promise<LiveSession | undefined> {
    const cached = this.cache.get(sessionId);
    // The time counts from before the read, so that a change during it cannot go unseen for longer.
    if (cached && cached.userId === userId && performance.now() - cached.readAt < FRESH_MS)
      return cached.session;
    const entry: Cached = { userId, readAt: performance.now(), session: this.read(sessionId, userId) };
    this.cache.set(sessionId, entry);
    entry.session.then(
      (live) => (entry.live = live),
      () => this.cache.delete(sessionId),
    );
    return entry.session;
  }

  /** The same without asking Postgres: undefined, too, if that was not asked within the last second. */
  known(sessionId: string, userId: string): LiveSession | undefined {
    const cached = this.cache.get(sessionId);
    const fresh = cached?.userId === userId && performance.now() - cached.readAt < FRESH_MS;
    return fresh ? cached.live : undefined;
  }

  private async read(sessionId: string, userId: string): Promise<LiveSession | undefined> {
    const [row] = await this.db.query<{ user_id: string; email: string; role: Role }>(LIVE, [
      sessionId,
      userId,
    ]);
    return row && { userId: row.user_id, email: row.email, role: row.role };
  }
}
