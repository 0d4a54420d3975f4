import { Inject, Logger } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { isUniqueViolation } from '../../platform/postgres/pg-errors';
import { AuditKeys } from '../../platform/security/audit-keys';
import { newTraceId } from '../../platform/telemetry/trace-id';
import { AuditNews } from './audit-news';
import { leafHash } from './leaf';
import { makeSeal, type NumberedLeaf, type Seal, sealHash } from './seals/seal';
import { AuditBroken, type SealedUpTo, SealTrail } from './seals/seal-trail';
import { entryPages, lastNumber, storeSeal } from './seals/stored';
import { SecurityEvents } from './security-events';

/** Entries per seal. Their leaves are read at a time, so it also bounds the memory that verifying takes. */
const MAX_ENTRIES = 5_000;
/** A break is reported once and looked at again after so long, in milliseconds. */
const BROKEN_PAUSE_MS = 30_000;
/** For so long others may hold up sealing before that is a failure, in milliseconds. */
const HELD_UP_MS = 60_000;

/** A point up to which all entries are to be sealed, once everybody who may still write below it has finished. */
interface Frontier {
  /** The last number that had been given out. */
  seq: number;
  /** A transaction that began afterwards: whoever has a number up to `seq` is older. */
  xid: string;
  /** When it was noted, by the monotonic clock. */
  since: number;
}

/** Nothing can be sealed, and until it is, whoever changes Postgres changes entries unseen. */
class SealingHeldUp extends Error {
  override name = 'SealingHeldUp';

  constructor(seq: number, ms: number) {
    super(
      `Entries up to ${seq} have waited for ${Math.round(ms / 1000)} s to be sealed: a transaction on the server of Postgres that is older than they are has not ended. pg_stat_activity (backend_xid) and pg_prepared_xacts show which; end it.`,
    );
  }
}

/**
 * Seals what is new in the audit: a Merkle tree over the entries, signed, chained to the seal before, and witnessed by
 * a line in a file outside Postgres. What is sealed is told to those who watch.
 *
 * An entry may become visible after one with a higher number, because its transaction took longer. So a frontier is
 * noted first and sealed when no transaction is left that began before it (the trigger of the table gives a
 * transaction its own number before the entry's). Of two processes that both believe to lead one gets the
 * number of the seal, so a late one can do no harm.
 */
@ControlLoop()
export class AuditSealer implements Manager {
  readonly name = 'audit-sealer';
  readonly intervalMs = 1_000;
  private readonly log = new Logger(AuditSealer.name);
  private frontier?: Frontier;
  private broken?: { reason: string; at: number };

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(SealTrail) private readonly trail: SealTrail,
    @Inject(AuditKeys) private readonly keys: AuditKeys,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
    @Inject(AuditNews) private readonly news: AuditNews,
  ) {}

  async run({ signal }: ManagerRun): Promise<ManagerReport> {
    if (this.broken && performance.now() - this.broken.at < BROKEN_PAUSE_MS) return { items: 0 };
    try {
      const items = await this.sealAll(signal);
      this.broken = undefined;
      return { items };
    } catch (error) {
      // Postgres may have crashed, and give out the same numbers again.
      if (!(error instanceof SealingHeldUp)) this.frontier = undefined;
      if (error instanceof AuditBroken) await this.report(error);
      throw error;
    }
  }

  private async sealAll(signal: AbortSignal): Promise<number> {
    let end = await this.trail.consistentEnd();
    const begun = end.to_seq;
    let items = 0;
    const upTo = await this.settledFrontier(end.to_seq);
    while (!signal.aborted && upTo !== undefined) {
      const seal = await this.sealNext(end, upTo);
      if (!seal) break;
      items += seal.count;
      end = { number: seal.number, to_seq: seal.to_seq, hash: sealHash(seal) };
    }
    await this.news.sealed(begun, end.to_seq);
    return items;
  }

  /** The number up to which all entries are there to be read; undefined if there is none beyond `sealed` yet. */
  private async settledFrontier(sealed: number): Promise<number | undefined> {
    this.frontier ??= await this.newFrontier(sealed);
    if (!this.frontier) return undefined;
    const [row] = await this.db.query<{ settled: boolean }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 AS settled',
      [this.frontier.xid],
    );
    const { seq, since } = this.frontier;
    if (!row?.settled) {
      if (performance.now() - since > HELD_UP_MS) throw new SealingHeldUp(seq, performance.now() - since);
      return undefined;
    }
    this.frontier = undefined;
    return seq;
  }

  private async newFrontier(sealed: number): Promise<Frontier | undefined> {
    const seq = await lastNumber(this.db);
    if (seq <= sealed) return undefined;
    // Another statement, so that it comes after the number has been read.
    const [own] = await this.db.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    return own && { seq, xid: own.xid, since: performance.now() };
  }

  private async sealNext(end: SealedUpTo, upTo: number): Promise<Seal | undefined> {
    const leaves = await this.readLeaves(end.to_seq, upTo);
    const last = leaves.at(-1);
    if (!last) return undefined;
    const key = await this.keys.signing();
    const seal = makeSeal(end, leaves, last.seq, key, new Date());
    try {
      await this.db.transaction((tx) => storeSeal(tx, seal));
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      this.log.warn(`Seal ${seal.number} was made by another process`);
      return undefined;
    }
    await this.trail.witness(seal, key);
    return seal;
  }

  private async readLeaves(after: number, upTo: number): Promise<NumberedLeaf[]> {
    const leaves: NumberedLeaf[] = [];
    for await (const page of entryPages(this.db, after, upTo)) {
      for (const entry of page) leaves.push({ seq: entry.seq, leaf: leafHash(entry) });
      if (leaves.length >= MAX_ENTRIES) break;
    }
    return leaves;
  }

  /** Told once, however often it is found again. */
  private async report({ message }: AuditBroken): Promise<void> {
    const known = this.broken?.reason === message;
    this.broken = { reason: message, at: performance.now() };
    if (known) return;
    await this.security.record({
      kind: 'audit_broken',
      message: `${message} Nothing is sealed until this is resolved; npm run audit:verify tells more.`,
      userId: null,
      origin: { traceId: newTraceId(), ip: null, userAgent: null },
    });
  }
}
