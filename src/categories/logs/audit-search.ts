import { Inject, Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { AuditProofs, type InclusionProof } from '../../pipeline/audit/audit-proofs';
import { seqRangeOf } from '../../pipeline/audit/audit-period';
import { leafHash, type SealedFields } from '../../pipeline/audit/leaf';
import { PersonalFields, sealedFields } from '../../pipeline/audit/subjects/personal-fields';
import { findEntries } from '../../pipeline/audit/seals/stored';
import { RETIRED_SEQ } from '../../pipeline/audit/seals/stored-tombstones';
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
  entries: FoundEntry[];
  /** Null on the last page. */
  next_cursor: string | null;
}

/** Finds entries of the audit, a page at a time along their numbers. */
@Injectable()
export class AuditSearch {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(AuditProofs) private readonly proofs: AuditProofs,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
  ) {}

  /** The newest entries that fit, older than the cursor. */
  async find(query: AuditQuery): Promise<AuditPage> {
    const condition = await this.conditionOf(query);
    if (!condition) return { entries: [], next_cursor: null };
    const { sql, params } = condition;
    const rows = await findEntries(
      this.db,
      `${sql} ORDER BY audit_entries.seq DESC LIMIT $${params.length + 1}`,
      [...params, query.limit + 1],
    );
    const shown = rows.slice(0, query.limit);
    const proofs = await this.proofs.inclusionProofs(shown.map((entry) => entry.seq));
    const readable = await this.personal.open(shown);
    return {
      entries: shown.map((entry, index) => ({
        ...(readable[index] ?? entry),
        encrypted: sealedFields(entry),
        leaf: leafHash(entry).toString('hex'),
        sealed: proofs.get(entry.seq) ?? null,
      })),
      next_cursor: rows.length > shown.length ? String(shown.at(-1)?.seq) : null,
    };
  }

  /** Undefined if nothing can fit. */
  private async conditionOf(query: AuditQuery): Promise<{ sql: string; params: unknown[] } | undefined> {
    const params: unknown[] = [];
    const conditions = [`seq > ${RETIRED_SEQ}`];
    const add = (value: unknown, sql: (placeholder: string) => string): void => {
      if (value === undefined) return;
      params.push(value);
      conditions.push(sql(`$${params.length}`));
    };
    if (query.after !== undefined || query.before !== undefined) {
      const range = await seqRangeOf(this.db, query.after ?? null, query.before ?? null);
      if (!range) return undefined;
      add(range.from, (p) => `seq >= ${p}`);
      add(range.to, (p) => `seq <= ${p}`);
    }
    add(query.cursor, (p) => `seq < ${p}`);
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
    return { sql: conditions.join(' AND '), params };
  }
}
