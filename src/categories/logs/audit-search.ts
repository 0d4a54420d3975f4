import { Inject, Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { AuditProofs, type InclusionProof } from '../../pipeline/audit/audit-proofs';
import { type SeqRange, seqRangeOf } from '../../pipeline/audit/audit-period';
import { leafHash, type SealedFields } from '../../pipeline/audit/leaf';
import { PersonalFields, sealedFields } from '../../pipeline/audit/subjects/personal-fields';
import { findEntries } from '../../pipeline/audit/seals/stored';
import { Db } from '../../platform/postgres/db';

/** What to look for; all that is given holds. */
export interface AuditQuery {
  /** A user's id or e-mail address. */
  actor?: string;
  action?: string;
  outcome?: string;
  trace_id?: string;
  ip?: string;
  /** ISO 8601. */
  after?: string;
  before?: string;
  limit: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

/**
 * An entry as it is found, with its leaf and, once it is sealed, the proof of that. What is personal reads `[erased]`
 * where the person was erased.
 */
export interface FoundEntry extends SealedFields {
  /** The fields that are stored encrypted, as they are stored: with these in their place the leaf can be computed. */
  encrypted: Partial<Record<'ip' | 'user_agent' | 'reason', string>>;
  /** SHA-256, hexadecimal. */
  leaf: string;
  /** Null until the entry is sealed, about a second after it was written. */
  sealed: InclusionProof | null;
}

/** A page of entries, newest first. */
export interface AuditPage {
  /** Fewer than asked for, perhaps none, where what fits is rare among very many: the cursor goes on from there. */
  entries: FoundEntry[];
  /** Null on the last page. */
  next_cursor: string | null;
}

/** How much one page may look through. */
export interface SearchPace {
  /** Numbers that are looked through at first. */
  span: number;
  /** No more are begun after so many milliseconds. */
  budgetMs: number;
}

/** Far below the 30 s in which Postgres ends a statement, so that who searches gets on instead of an error. */
const PACE: SearchPace = { span: 50_000, budgetMs: 2_000 };
/** Where a span took less than this, in milliseconds, the next one is four times as long. */
const QUICK_MS = 200;

/** Finds entries of the audit, a page at a time along their numbers. */
@Injectable()
export class AuditSearch {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(AuditProofs) private readonly proofs: AuditProofs,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
  ) {}

  /** The newest entries that fit, older than the cursor. */
  async find(query: AuditQuery, pace = PACE): Promise<AuditPage> {
    const range = await seqRangeOf(this.db, query.after ?? null, query.before ?? null);
    if (!range) return { entries: [], next_cursor: null };
    const { rows, left } = await this.search(query, range, pace);
    const shown = rows.slice(0, query.limit);
    const proofs = await this.proofs.inclusionProofs(shown.map((entry) => entry.seq));
    const readable = await this.personal.open(shown);
    const goOn = rows.length > shown.length ? shown.at(-1)?.seq : left;
    return {
      entries: shown.map((entry, index) => ({
        ...(readable[index] ?? entry),
        encrypted: sealedFields(entry),
        leaf: leafHash(entry).toString('hex'),
        sealed: proofs.get(entry.seq) ?? null,
      })),
      next_cursor: goOn === undefined ? null : String(goOn),
    };
  }

  /**
   * One more than the limit, if there are so many: from the newest down, a span of numbers at a time, for as long as the
   * pace allows. `left`: of what it did not come to all numbers are lower than this.
   */
  private async search(
    query: AuditQuery,
    { from, to }: SeqRange,
    { span, budgetMs }: SearchPace,
  ): Promise<{ rows: SealedFields[]; left: number | undefined }> {
    const { conditions, params } = await this.filterOf(query);
    const wanted = query.limit + 1;
    const statement = `${['seq BETWEEN $1 AND $2', ...conditions].join(' AND ')}
      ORDER BY audit_entries.seq DESC LIMIT $3`;
    const rows: SealedFields[] = [];
    const startedAt = performance.now();
    let last = query.cursor === undefined ? to : Math.min(to, Number(query.cursor) - 1);
    while (last >= from && rows.length < wanted) {
      const begunAt = performance.now();
      const first = Math.max(from, last - span + 1);
      rows.push(...(await findEntries(this.db, statement, [first, last, wanted - rows.length, ...params])));
      last = first - 1;
      const now = performance.now();
      if (now - startedAt > budgetMs) break;
      if (now - begunAt < QUICK_MS) span *= 4;
    }
    return { rows, left: last < from ? undefined : last + 1 };
  }

  /** What an entry has to fit besides its number; the first three parameters belong to who asks. */
  private async filterOf(query: AuditQuery): Promise<{ conditions: string[]; params: unknown[] }> {
    const params: unknown[] = [];
    const conditions: string[] = [];
    const add = (value: unknown, sql: (placeholder: string) => string): void => {
      if (value === undefined) return;
      params.push(value);
      conditions.push(sql(`$${params.length + 3}`));
    };
    add(query.actor, (p) =>
      isUUID(query.actor)
        ? `actor_id = ${p}`
        : `actor_id = (SELECT id FROM users WHERE lower(email) = lower(${p}))`,
    );
    add(query.action, (p) => `action = ${p}`);
    add(query.outcome, (p) => `outcome = ${p}`);
    add(query.trace_id, (p) => `trace_id = ${p}`);
    if (query.ip !== undefined)
      add(await this.personal.formsOf('ip', query.ip), (p) => `ip = ANY(${p}::text[])`);
    add(query.after, (p) => `audit_entries.at >= ${p}::timestamptz`);
    add(query.before, (p) => `audit_entries.at < ${p}::timestamptz`);
    return { conditions, params };
  }
}
