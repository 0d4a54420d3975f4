import { Inject, Injectable, Logger } from '@nestjs/common';
import { NumberedFeed } from '../../platform/feed/numbered-feed';
import { Db } from '../../platform/postgres/db';
import type { SealedFields } from './leaf';
import { entryPages } from './seals/stored';
import { reasonOf } from '../../platform/errors/unavailable';

/** The topic of audit entries. */
export const AUDIT_TOPIC = 'audit';

/**
 * An entry, as it is told: without what is personal, which an erasure could not call back from where it was sent to.
 * Whoever may read that finds it by the number.
 */
export type ToldEntry = Omit<SealedFields, 'ip' | 'user_agent' | 'reason'>;

/** Tells those who watch of entries, once they are sealed: which ones there are, and in which order, is settled then. */
@Injectable()
export class AuditNews {
  private readonly log = new Logger(AuditNews.name);
  /** Up to where this process has told; another one may be further. */
  private told = -1;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(NumberedFeed) private readonly feed: NumberedFeed,
  ) {}

  /**
   * Tells of all that was not told yet. Never rejects: what cannot be told is told at the next call.
   *
   * @param begun the last entry that was sealed before the caller began; nobody who came since misses one up to it
   * @param end the last one that is sealed now
   */
  async sealed(begun: number, end: number): Promise<void> {
    if (end === this.told) return;
    try {
      const last = await this.feed.last(AUDIT_TOPIC, begun);
      if (last !== undefined)
        for await (const entries of entryPages(this.db, last, end))
          await this.feed.tell(AUDIT_TOPIC, entries.map(toldOf));
      this.told = end;
    } catch (error) {
      this.log.warn(`New entries of the audit are not told yet: ${reasonOf(error)}`);
    }
  }
}

function toldOf({ ip: _ip, user_agent: _agent, reason: _reason, ...told }: SealedFields): ToldEntry {
  return told;
}
