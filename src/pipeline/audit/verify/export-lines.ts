import { LEAF_COLUMNS, type SealedFields } from '../leaf';
import { parseCheckpoint } from '../seals/checkpoint';
import { exactJson } from '../seals/exact-json';
import type { Seal } from '../seals/seal';
import type { Tombstone } from '../seals/tombstone';
import type { AuditItem } from './verification';

/** Names the form of an export. */
export const EXPORT_FORMAT = 'agentos-audit-export/1';

/** The first line of an export. */
export interface ExportHeader {
  readonly type: 'header';
  readonly format: typeof EXPORT_FORMAT;
  readonly exported_at: string;
  /** What was asked for; the export holds the whole of each seal that has a part in it. */
  readonly after: string | null;
  readonly before: string | null;
  /** The seals in it; null if there are none. */
  readonly first_seal: number | null;
  readonly last_seal: number | null;
  /** The newest checkpoint of that moment, as it stands in the file of checkpoints. */
  readonly checkpoint: string | null;
}

/** How much of what an export holds; its last line. */
export interface ExportEnd {
  readonly type: 'end';
  /** Not in exports that are older than tombstones are. */
  readonly tombstones?: number;
  readonly seals: number;
  readonly entries: number;
}

/** Seals that were made so shortly before the export need not be in it, in milliseconds. */
const MARGIN_MS = 10_000;
const SEAL_FIELDS = [
  'count',
  'from_seq',
  'gaps',
  'key_id',
  'leaves',
  'number',
  'prev',
  'root',
  'sealed_at',
  'signature',
  'to_seq',
];
const TOMBSTONE_FIELDS = [
  'entries',
  'from_seal',
  'from_seq',
  'hash',
  'keep_days',
  'key_id',
  'prev',
  'retired_at',
  'signature',
  'to_seal',
  'to_seq',
];
const TOMBSTONE_NUMBERS = ['entries', 'from_seal', 'from_seq', 'keep_days', 'to_seal', 'to_seq'];
const NUMBERS = ['count', 'from_seq', 'number', 'to_seq'];
const ENTRY_FIELDS = [...LEAF_COLUMNS].sort();

/** A line of an export, with its end. */
export function exportLine(line: ExportHeader | ExportEnd): string {
  return `${JSON.stringify(line)}\n`;
}

/** A tombstone's line; all of them come before the seals. */
export function tombstoneLine({ prev, hash, signature, ...tombstone }: Tombstone): string {
  const bytes = {
    prev: prev.toString('hex'),
    hash: hash.toString('hex'),
    signature: signature.toString('base64'),
  };
  return `${JSON.stringify({ type: 'tombstone', ...tombstone, ...bytes })}\n`;
}

/** A seal's line; its entries follow. */
export function sealLine({ leaves, root, prev, signature, ...seal }: Seal): string {
  const bytes = {
    root: root.toString('hex'),
    prev: prev.toString('hex'),
    signature: signature.toString('base64'),
    leaves: leaves.toString('base64'),
  };
  return `${JSON.stringify({ type: 'seal', ...seal, ...bytes })}\n`;
}

/** An entry's line. */
export function entryLine(entry: SealedFields, sealed: boolean): string {
  return `${JSON.stringify({ type: sealed ? 'entry' : 'unsealed', ...entry })}\n`;
}

/** What a line says; undefined if that cannot be read, or it is no line of an export. */
export function readExportLine(line: string): AuditItem | ExportEnd | undefined {
  const value = parsed(line);
  if (!isRecord(value)) return undefined;
  const { type, ...rest } = value;
  if (type === 'header') return scopeOf(rest as unknown as ExportHeader);
  if (type === 'end') return value as unknown as ExportEnd;
  if (type === 'tombstone' && hasFields(rest, TOMBSTONE_FIELDS) && areNumbers(rest, TOMBSTONE_NUMBERS))
    return { type, tombstone: readTombstone(rest) };
  if (type === 'seal' && hasFields(rest, SEAL_FIELDS) && areNumbers(rest, NUMBERS))
    return { type, seal: readSeal(rest) };
  if ((type === 'entry' || type === 'unsealed') && hasFields(rest, ENTRY_FIELDS) && isNumber(rest['seq']))
    return { type, entry: rest as unknown as SealedFields };
  return undefined;
}

function scopeOf(header: ExportHeader): AuditItem | undefined {
  const { format, exported_at, after, before, first_seal: first, last_seal: last } = header;
  if (format !== EXPORT_FORMAT || Number.isNaN(Date.parse(exported_at))) return undefined;
  if (![first, last].every((seal) => seal === null || isNumber(seal))) return undefined;
  const readAt = new Date(Date.parse(exported_at) - MARGIN_MS).toISOString();
  const checkpoint = header.checkpoint === null ? undefined : parseCheckpoint(header.checkpoint);
  // From the beginning is from the first seal on, or from the last tombstone: nobody has signed what this line says.
  const firstSeal = after === null ? 1 : (first ?? 1);
  // Where nothing of what was asked for is sealed yet, there is no seal to reach to.
  const toEnd = before === null && (after === null || first !== null);
  const scope = { firstSeal, lastSeal: last ?? undefined, toEnd, checkpoint, readAt };
  return { type: 'scope', scope: { ...scope, period: { exported_at, after, before } } };
}

function readTombstone(value: Record<string, unknown>): Tombstone {
  return {
    ...(value as unknown as Tombstone),
    prev: bytesOf(value['prev'], 'hex'),
    hash: bytesOf(value['hash'], 'hex'),
    signature: bytesOf(value['signature'], 'base64'),
  };
}

function readSeal(value: Record<string, unknown>): Seal {
  return {
    ...(value as unknown as Seal),
    root: bytesOf(value['root'], 'hex'),
    prev: bytesOf(value['prev'], 'hex'),
    signature: bytesOf(value['signature'], 'base64'),
    leaves: bytesOf(value['leaves'], 'base64'),
  };
}

function bytesOf(value: unknown, encoding: 'hex' | 'base64'): Buffer {
  return Buffer.from(String(value), encoding);
}

function hasFields(value: Record<string, unknown>, fields: readonly string[]): boolean {
  const own = Object.keys(value).sort();
  return own.length === fields.length && own.every((field, index) => field === fields[index]);
}

function areNumbers(value: Record<string, unknown>, fields: readonly string[]): boolean {
  return fields.every((field) => isNumber(value[field]));
}

function isNumber(value: unknown): boolean {
  return Number.isSafeInteger(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a line says, if it is as an export writes it: of a key that stands twice one value would go unseen. */
function parsed(line: string): unknown {
  try {
    const value = exactJson(line);
    return JSON.stringify(value) === line ? value : undefined;
  } catch {
    // Said by the caller, with the number of the line.
    return undefined;
  }
}
