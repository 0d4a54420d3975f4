import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { LruMap } from '../../../platform/caching/lru-map';
import { Db } from '../../../platform/postgres/db';
import { prepared } from '../../../platform/postgres/statement';
import { SigningKeys } from '../../../platform/security/signing-keys';
import {
  SUBJECT_KEY_BYTES,
  SubjectCipher,
  unwrapKey,
  wrapKey,
} from '../../../platform/security/subject-cipher';

/** People whose keys a process holds at a time. */
const CACHED = 10_000;
/** For so long, in milliseconds: a key that was destroyed is gone from every process then. */
const HELD_MS = 60_000;
/** Keys that are read at a time. */
const PAGE = 500;

/** The key; of those who come at the same time for the first time, one makes it. */
const FIND_OR_MAKE = prepared(`
WITH made AS (
  INSERT INTO subject_keys (subject_id, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING wrapped
)
SELECT wrapped FROM made UNION ALL SELECT wrapped FROM subject_keys WHERE subject_id = $1`);

interface KeyRow {
  subject_id: string;
  wrapped: Buffer | null;
}

interface Held {
  readonly until: number;
  /** Null if the key was destroyed. */
  readonly cipher: SubjectCipher | null;
}

/** The keys of people, as Postgres has them. */
@Injectable()
export class SubjectKeys implements OnModuleInit, OnApplicationShutdown {
  private readonly cache = new LruMap<string, Held>(CACHED);
  private wrappingKey: Buffer = Buffer.alloc(0);
  private timer?: NodeJS.Timeout;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(SigningKeys) private readonly secrets: SigningKeys,
  ) {}

  onModuleInit(): void {
    this.wrappingKey = this.secrets.secret('subject keys');
    this.timer = setInterval(() => {
      const now = performance.now();
      this.cache.deleteWhere(({ until }) => until <= now);
    }, HELD_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** What is held here, without asking; undefined if that is nothing. Null if the key was destroyed. */
  held(subject: string): SubjectCipher | null | undefined {
    const held = this.cache.get(subject);
    return held && held.until > performance.now() ? held.cipher : undefined;
  }

  /** The cipher to write with, made if there is none yet; null if the key was destroyed. @throws what Postgres throws */
  async obtain(subject: string): Promise<SubjectCipher | null> {
    const held = this.held(subject);
    if (held !== undefined) return held;
    const made = wrapKey(randomBytes(SUBJECT_KEY_BYTES), subject, this.wrappingKey);
    const [row] = await this.db.query<KeyRow>(FIND_OR_MAKE, [subject, made]);
    // Another's, for which the statement waited, and which it does not see: it is older than that.
    if (!row) return this.obtain(subject);
    const cipher = this.cipherOf(subject, row.wrapped);
    this.cache.set(subject, { until: performance.now() + HELD_MS, cipher });
    return cipher;
  }

  /** Ciphers to read with, as they are now; those of destroyed keys are not among them. */
  async find(subjects: readonly string[]): Promise<Map<string, SubjectCipher>> {
    const rows = await this.db.query<KeyRow>(
      'SELECT subject_id, wrapped FROM subject_keys WHERE subject_id = ANY($1::uuid[]) AND wrapped IS NOT NULL',
      [subjects],
    );
    return new Map(rows.map((row) => [row.subject_id, this.readable(row)]));
  }

  /** All of them, some at a time. */
  async *all(): AsyncGenerator<SubjectCipher[]> {
    let last = '00000000-0000-0000-0000-000000000000';
    for (;;) {
      const rows = await this.db.query<KeyRow>(
        `SELECT subject_id, wrapped FROM subject_keys
          WHERE subject_id > $1 AND wrapped IS NOT NULL ORDER BY subject_id LIMIT $2`,
        [last, PAGE],
      );
      if (rows.length > 0) yield rows.map((row) => this.readable(row));
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.subject_id ?? last;
    }
  }

  private readable({ subject_id, wrapped }: KeyRow): SubjectCipher {
    const cipher = this.cipherOf(subject_id, wrapped);
    if (!cipher) throw new Error(`The key of ${subject_id} was destroyed`);
    return cipher;
  }

  private cipherOf(subject: string, wrapped: Buffer | null): SubjectCipher | null {
    return wrapped && new SubjectCipher(unwrapKey(wrapped, subject, this.wrappingKey), subject);
  }
}
