import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Logger } from '@nestjs/common';
import { LogFeed, LOOK_BACK_MS } from '../../platform/feed/log-feed';
import { Db, type Transaction } from '../../platform/postgres/db';
import { sqlState } from '../../platform/postgres/pg-errors';
import { RedisService } from '../../platform/redis/redis.service';
import { SigningKeys } from '../../platform/security/signing-keys';
import { type LogEntry, logStream, readEntry } from '../../platform/telemetry/logs/log-stream';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../manager';
import { copyText, LOG_COLUMNS, type LogRow, LogRows } from './log-rows';

/** Entries that are read at once. Each holds up to some hundred lines. */
const ENTRIES = 20;
/** Lines that go into Postgres at once. */
const BATCH = 1_000;
/** Between two looks at a stream that was empty, in milliseconds. */
const IDLE_MS = 250;
/** A run reports at least so often, in milliseconds. */
const RUN_MS = 5_000;
/** Lines that are so old when they are stored may be missed by who follows the log live, in milliseconds. */
const LATE_MS = LOOK_BACK_MS / 2;
/** The shortest time between two words about that, in milliseconds: a clock that is slow makes all of its lines late. */
const LATE_PACE_MS = LOOK_BACK_MS;

/**
 * Takes log lines from the stream into the system events, by COPY. An entry is removed from the stream only after it
 * was stored, and its id is stored with it in one transaction: what is read a second time, because a manager died in
 * between, or sent a second time, because Redis did not answer, is known. So each line arrives once, whatever is killed.
 */
@ControlLoop()
export class LogIngest implements Manager {
  readonly name = 'log-ingest';
  readonly intervalMs = 1_000;
  private readonly log = new Logger(LogIngest.name);
  private rows: LogRows | undefined;
  /** Whether lines were stored late that nobody was told of yet, and when that was last told. */
  private late = false;
  private lateToldAt = -Infinity;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RedisService) private readonly redis: RedisService,
    @Inject(SigningKeys) private readonly keys: SigningKeys,
    @Inject(LogFeed) private readonly feed: LogFeed,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    const until = performance.now() + RUN_MS;
    let items = 0;
    while (!signal.aborted && performance.now() < until) {
      const taken = await this.takeSome();
      items += taken ?? 0;
      await this.tellLate();
      if (taken === undefined) await delay(IDLE_MS, undefined, { signal }).catch(() => undefined);
    }
    return { items };
  }

  /** @returns the number of lines stored; undefined if there was nothing to read */
  private async takeSome(): Promise<number | undefined> {
    const stream = logStream(this.redis);
    const found = await this.redis.client.xrange(stream, '-', '+', 'COUNT', ENTRIES);
    if (found.length === 0) return undefined;
    const entries = found.map(readEntry).filter((entry) => entry !== undefined);
    const { stored, late } = await this.store(entries);
    this.late ||= late;
    await this.redis.client.xdel(stream, ...found.map(([id]) => id));
    return stored;
  }

  private async tellLate(): Promise<void> {
    if (!this.late || performance.now() - this.lateToldAt < LATE_PACE_MS) return;
    await this.feed.missed();
    this.late = false;
    this.lateToldAt = performance.now();
  }

  /** @returns how many lines were stored, and whether some of them so late that they may be missed */
  private async store(entries: readonly LogEntry[]): Promise<{ stored: number; late: boolean }> {
    if (entries.length === 0) return { stored: 0, late: false };
    const reader = (this.rows ??= new LogRows(this.keys.secret('pseudonyms')));
    return this.db.transaction(async (tx) => {
      const fresh = await tx.query<{ id: string; now: Date }>(
        'INSERT INTO log_entries (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id, clock_timestamp() AS now',
        [entries.map((entry) => entry.id)],
      );
      const ids = new Set(fresh.map(({ id }) => id));
      const rows = entries
        // The first of those with the same id.
        .filter((entry) => ids.delete(entry.id))
        .flatMap((entry) => entry.lines)
        .map((line) => reader.of(line))
        .filter((row) => row !== undefined);
      for (let from = 0; from < rows.length; from += BATCH)
        await this.copy(tx, rows.slice(from, from + BATCH));
      const lateBefore = (fresh[0]?.now.getTime() ?? 0) - LATE_MS;
      return { stored: rows.length, late: rows.some(({ at }) => at.getTime() < lateBefore) };
    });
  }

  /** A line that Postgres refuses must not keep all others out: it is looked for, and left out with a word about it. */
  private async copy(tx: Transaction, rows: readonly LogRow[]): Promise<void> {
    await tx.execute('SAVEPOINT lines');
    try {
      await tx.copyIn(`COPY system_events (${LOG_COLUMNS}) FROM STDIN`, copyText(rows));
      await tx.execute('RELEASE SAVEPOINT lines');
    } catch (error) {
      // Class 22: the data itself.
      if (!sqlState(error)?.startsWith('22')) throw error;
      await tx.execute('ROLLBACK TO SAVEPOINT lines');
      if (rows.length === 1) {
        this.log.error(`A log line cannot be stored, and is on stdout only: ${(error as Error).message}`);
        return;
      }
      const half = Math.ceil(rows.length / 2);
      await this.copy(tx, rows.slice(0, half));
      await this.copy(tx, rows.slice(half));
    }
  }
}
