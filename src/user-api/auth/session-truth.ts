import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { unavailableServer } from '../../platform/errors/unavailable';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db } from '../../platform/postgres/db';
import { prepared } from '../../platform/postgres/statement';
import type { Role } from '../../platform/security/roles';
import { LruMap } from '../../platform/caching/lru-map';

/** How long a process goes without asking Postgres again: a demotion bites within it even if a message is lost. */
const FRESH_MS = 1_000;
/** How old what is known may become before it is asked anew, while it still counts. */
const RENEW_MS = 600;
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
  /** The connection on which it would have been heard since that the session ended or its user changed. */
  busSession: number | undefined;
  session: Promise<LiveSession | undefined>;
  /** What that came to. */
  live?: LiveSession;
  /** What was known before, until that has come to something. */
  last?: Cached;
  /** Whether Postgres is being asked anew. */
  renewing?: true;
}

/** Whether sessions live and what their users may do, as Postgres says, at most a second old but for findOrLast(). */
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
    const entry = this.ask(sessionId, userId);
    if (cached?.userId === userId) entry.last = cached.live ? cached : cached.last;
    this.cache.set(sessionId, entry);
    entry.session.then(
      (live) => {
        entry.live = live;
        entry.last = undefined;
      },
      () => {
        // Nothing that was forgotten meanwhile comes back.
        if (this.cache.get(sessionId) !== entry) return;
        if (entry.last) this.cache.set(sessionId, entry.last);
        else this.cache.delete(sessionId);
      },
    );
    return entry.session;
  }

  /**
   * As {@link find}; while Postgres is away, what it last said, if that is not older than `maxAgeMs`. What has changed
   * since then would have been heard: where the connection for that was lost meanwhile, nothing counts.
   */
  async findOrLast(sessionId: string, userId: string, maxAgeMs: number): Promise<LiveSession | undefined> {
    try {
      return await this.find(sessionId, userId);
    } catch (error) {
      const cached = this.cache.get(sessionId);
      const last = cached?.live ? cached : cached?.last;
      const heard = last?.busSession !== undefined && last.busSession === this.bus.session;
      const counts = heard && last.userId === userId && performance.now() - last.readAt < maxAgeMs;
      if (!counts || unavailableServer(error) !== 'postgres') throw error;
      return last.live;
    }
  }

  /**
   * The same without waiting for Postgres: undefined, too, if that was not asked within the last second. Of who asks
   * all the time it is asked anew before that, so that they need not wait at all.
   */
  known(sessionId: string, userId: string): LiveSession | undefined {
    const cached = this.cache.get(sessionId);
    if (cached?.userId !== userId) return undefined;
    const age = performance.now() - cached.readAt;
    if (age >= FRESH_MS) return undefined;
    if (age >= RENEW_MS && cached.live && !cached.renewing) this.renew(sessionId, cached);
    return cached.live;
  }

  private renew(sessionId: string, cached: Cached): void {
    cached.renewing = true;
    const entry = this.ask(sessionId, cached.userId);
    entry.session.then(
      (live) => {
        // What was forgotten meanwhile may have changed after this was read.
        if (this.cache.get(sessionId) === cached) this.cache.set(sessionId, { ...entry, live });
      },
      () => undefined, // what is known counts for as long as it would have; then find() asks, and tells
    );
  }

  private ask(sessionId: string, userId: string): Cached {
    const before = { userId, readAt: performance.now(), busSession: this.bus.session };
    return { ...before, session: this.read(sessionId, userId) };
  }

  private async read(sessionId: string, userId: string): Promise<LiveSession | undefined> {
    const [row] = await this.db.query<{ user_id: string; email: string; role: Role }>(LIVE, [
      sessionId,
      userId,
    ]);
    return row && { userId: row.user_id, email: row.email, role: row.role };
  }
}
