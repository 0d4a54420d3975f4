import { createHash } from 'node:crypto';
import type { SnapshotDto } from './snapshot.dto';

/** The sections, in the order in which the document has them. */
export const SECTIONS = [
  'dashboard',
  'agents_workers',
  'queue',
  'analytics',
  'logs',
  'managers',
  'services',
  'system',
] as const;

/** The form of the document; raised with each change of what its fields are or mean. */
export const FORMAT = 5;

/** A section of the read model. */
export type SectionName = (typeof SECTIONS)[number];

/** The largest document that is taken from the cache, in bytes; anything larger is not ours. */
export const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;

/**
 * Fields that move by themselves on an idle system: heartbeats and levels of memory and disk. They are fresh in every
 * build, but a change of them alone is no change of the content, so they do not count for hash and ETag.
 */
const VOLATILE = new Set([
  'last_run_at',
  'last_duration_ms',
  'runs',
  'rss_bytes',
  'loop_delay_ms',
  'used_memory_bytes',
  'clients',
  'connections',
  'free_bytes',
  'size_bytes',
  'oldest_waiting_s',
]);

/** A hash of a section's content that does not change with time alone; 16 characters. */
export function sectionHash(section: object | null): string {
  const text = JSON.stringify(section, (key, value: unknown) => (VOLATILE.has(key) ? undefined : value));
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** A hash of the content (what these sections say, and which are stale); 22 characters. */
export function documentHash(
  sections: SnapshotDto['sections'],
  names: readonly SectionName[] = SECTIONS,
): string {
  const content = names.map((name) => [name, sections[name]?.hash, sections[name]?.stale]);
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, content]))
    .digest('base64url')
    .slice(0, 22);
}

/** The sections whose content differs between two documents; all of them if there was none before. */
export function changedSections(before: SnapshotDto | undefined, after: SnapshotDto): SectionName[] {
  return SECTIONS.filter((name) => {
    const [old, now] = [before?.sections[name], after.sections[name]];
    return old?.hash !== now?.hash || old?.stale !== now?.stale;
  });
}

/** The document as it is cached. `version` stands first: the compare-and-set in Redis reads it there. */
export function serialise(document: SnapshotDto): string {
  const { version, ...rest } = document;
  return JSON.stringify({ version, ...rest });
}

/** Reads a cached document; undefined for anything that is not one, whole and of this shape. */
export function parseDocument(text: string | null): SnapshotDto | undefined {
  if (text === null || text.length > MAX_DOCUMENT_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const document = value as Partial<SnapshotDto>;
  const { version, format, as_of: asOf, sections } = document;
  if (format !== FORMAT) return undefined;
  if (!Number.isSafeInteger(version) || typeof sections !== 'object' || sections === null) return undefined;
  const at = new Date(asOf ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return undefined;
  if (!SECTIONS.every((name) => name in document && typeof sections[name]?.hash === 'string'))
    return undefined;
  return { ...(document as SnapshotDto), as_of: at };
}
