import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { LogFeed, type LogLine, LOG_TOPIC, LOOK_BACK_MS } from '../../platform/feed/log-feed';
import { Db } from '../../platform/postgres/db';
import { FeedHub } from '../feed/feed-hub';
import { reasonOf } from '../../platform/errors/unavailable';

/** Between two looks into the log, in milliseconds. */
const LOOK_MS = 500;
/** Lines of one look. */
const MAX_LINES = 5_000;
/** Lines that are known not to be new. */
const MAX_KNOWN = 20_000;

const LINES = `
SELECT id, at, level, source, event, left(message, 2000) AS message, job_id, trace_id FROM system_events
 WHERE at > to_timestamp($1::float8 / 1000) ORDER BY at, id LIMIT ${MAX_LINES}`;

/**
 * Looks into the log of system events and tells of new lines, while somebody here follows them. Any number of
 * processes may: each line is told once. Nobody who writes to the log has anything to do with it.
 */
@Injectable()
export class LogTail implements OnModuleDestroy {
  private readonly log = new Logger(LogTail.name);
  private readonly known = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private since = 0;
  /** From when on the next look has to look, apart from what comes late. */
  private from = 0;

  constructor(
    private readonly db: Db,
    private readonly feed: LogFeed,
    private readonly hub: FeedHub,
  ) {}

  /**
   * Resolves when what is logged from now on will be told; to be called again once somebody follows the topic, as what
   * was under way until then may have ended for want of a follower. Rejects while Postgres or Redis are away.
   */
  async begin(): Promise<void> {
    const since = await this.feed.begin(await this.now());
    await this.hub.refresh(LOG_TOPIC);
    if (this.timer) return;
    this.since = since;
    this.from = since;
    this.again();
  }

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }

  private again(): void {
    this.timer = setTimeout(() => {
      this.look()
        .catch((error: Error) => this.log.warn(`The log cannot be followed for now: ${reasonOf(error)}`))
        .finally(() => {
          if (this.hub.follows(LOG_TOPIC)) return this.again();
          this.timer = undefined;
          this.known.clear();
        });
    }, LOOK_MS);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const now = await this.now();
    const lines = await this.db.query<LogLine>(LINES, [Math.max(this.since, this.from - LOOK_BACK_MS)]);
    const fresh = lines.filter(({ id }) => !this.known.has(id));
    await this.feed.tell(fresh, this.since, now);
    for (const { id } of fresh) this.known.add(id);
    // Where there is more than one look takes, the next one goes on from its end.
    const last = lines.at(-1);
    this.from = last && lines.length === MAX_LINES ? last.at.getTime() + LOOK_BACK_MS - 1 : now;
    for (const id of this.known) {
      if (this.known.size <= MAX_KNOWN) break;
      this.known.delete(id);
    }
  }

  /** By Postgres' clock, which the lines have their times from. */
  private async now(): Promise<number> {
    const [row] = await this.db.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    return row?.now.getTime() ?? 0;
  }
}
