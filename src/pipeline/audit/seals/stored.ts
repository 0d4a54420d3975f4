import type { Tx } from '../../../platform/postgres/db';
import { AT_TEXT, LEAF_COLUMNS, type SealedFields, timeText } from '../leaf';
import { exactJson, jsonText } from './exact-json';
import type { Seal } from './seal';

/** What reads the audit: the product's `Db`, a transaction, or a tool's own connection. */
export type AuditReader = Pick<Tx, 'query'>;

/** Entries that are read at a time: what memory it takes, whatever the length of the audit. */
const PAGE = 200;
/** The ends of bigint. */
const [BEFORE_ALL, AFTER_ALL] = [-(2n ** 63n), 2n ** 63n - 1n];

const SELECTED: Partial<Record<keyof SealedFields, string>> = {
  at: AT_TEXT,
  payload: jsonText('payload'),
  detail: jsonText('detail'),
};
const ENTRY_COLUMNS = LEAF_COLUMNS.map((column) => `${SELECTED[column] ?? column} AS ${column}`).join(', ');
const SEAL_COLUMNS = `number, from_seq, to_seq, count, ${jsonText('gaps')} AS gaps, leaves, root, prev, key_id, signature,
  ${timeText('sealed_at')} AS sealed_at`;

/** A row whose jsonb columns are still text. */
type EntryRow = Omit<SealedFields, 'payload' | 'detail'> & { payload: string | null; detail: string | null };
type SealRow = Omit<Seal, 'gaps'> & { gaps: string };

/** Entries with numbers over `after` up to `to`, in ascending order, a page at a time. */
export async function* entryPages(
  db: AuditReader,
  after: number | bigint = BEFORE_ALL,
  to: number | bigint = AFTER_ALL,
): AsyncGenerator<SealedFields[]> {
  let last: number | bigint | string = after;
  for (;;) {
    // The number as text, too: what somebody has put where no number of ours is would be rounded, and be read again.
    const rows: (EntryRow & { place: string })[] = await db.query(
      `SELECT ${ENTRY_COLUMNS}, audit_entries.seq::text AS place FROM audit_entries
        WHERE seq ${last === BEFORE_ALL ? '>=' : '>'} $1 AND seq <= $2 ORDER BY audit_entries.seq LIMIT $3`,
      [last, to, PAGE],
    );
    if (rows.length > 0) yield rows.map(({ place: _, ...row }) => readEntry(row));
    last = rows.at(-1)?.place ?? last;
    if (rows.length < PAGE) return;
  }
}

/** Entries that a condition holds for, as their seals see them. */
export async function findEntries(
  db: AuditReader,
  condition: string,
  params: unknown[],
): Promise<SealedFields[]> {
  const rows = await db.query<EntryRow>(
    `SELECT ${ENTRY_COLUMNS} FROM audit_entries WHERE ${condition}`,
    params,
  );
  return rows.map(readEntry);
}

/** The newest seal, without its leaves; undefined if there is none yet. */
export async function lastSeal(db: AuditReader): Promise<Seal | undefined> {
  const rows = await db.query<SealRow>(
    `SELECT ${withoutLeaves(SEAL_COLUMNS)} FROM audit_seals ORDER BY number DESC LIMIT 1`,
  );
  return rows.map(readSeal)[0];
}

/** All seals from a number on, in ascending order, one at a time. */
export function sealsFrom(db: AuditReader, first: number): AsyncGenerator<Seal> {
  return sealsOneByOne(db, first, SEAL_COLUMNS);
}

/** The same without their leaves, for what only looks at the chain. */
export function chainFrom(db: AuditReader, first: number): AsyncGenerator<Seal> {
  return sealsOneByOne(db, first, withoutLeaves(SEAL_COLUMNS));
}

async function* sealsOneByOne(db: AuditReader, first: number, columns: string): AsyncGenerator<Seal> {
  for (let number = first; ;) {
    const rows = await db.query<SealRow>(
      `SELECT ${columns} FROM audit_seals WHERE number >= $1 ORDER BY number LIMIT 1`,
      [number],
    );
    const [seal] = rows.map(readSeal);
    if (!seal) return;
    yield seal;
    number = seal.number + 1;
  }
}

function withoutLeaves(columns: string): string {
  return columns.replace('leaves', `'' ::bytea AS leaves`);
}

/**
 * The seal that an entry with this number belongs to, if it is sealed. One with a number that is over, or never was,
 * is none: nobody verifies those, and whoever may insert seals could put one of those in place of the right one.
 */
export async function sealOver(db: AuditReader, seq: number): Promise<Seal | undefined> {
  const rows = await db.query<SealRow>(
    `SELECT ${SEAL_COLUMNS} FROM audit_seals
      WHERE to_seq >= $1 AND number > (SELECT coalesce(max(to_seal), 0) FROM audit_tombstones)
      ORDER BY to_seq LIMIT 1`,
    [seq],
  );
  return rows.map(readSeal)[0];
}

/** The highest number that was given to an entry; 0 if there was none yet. */
export async function lastNumber(db: AuditReader): Promise<number> {
  const [row] = await db.query<{ seq: number }>(
    'SELECT last_value AS seq FROM audit_entries_number WHERE is_called',
  );
  return row?.seq ?? 0;
}

/** Stores a seal. @throws if another process has stored one with the same number */
export async function storeSeal(tx: Tx, seal: Seal): Promise<void> {
  await tx.execute(
    `INSERT INTO audit_seals (number, from_seq, to_seq, count, gaps, leaves, root, prev, key_id, signature, sealed_at)
     VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11)`,
    [
      seal.number,
      seal.from_seq,
      seal.to_seq,
      seal.count,
      JSON.stringify(seal.gaps),
      seal.leaves,
      seal.root,
      seal.prev,
      seal.key_id,
      seal.signature,
      seal.sealed_at,
    ],
  );
}

function readEntry(row: EntryRow): SealedFields {
  const [payload, detail] = [row.payload, row.detail].map((text) => (text === null ? null : exactJson(text)));
  return { ...row, payload, detail };
}

function readSeal(row: SealRow): Seal {
  return { ...row, gaps: exactJson(row.gaps) };
}
