import { documentHash, SECTIONS } from './document';
import { type Pickable, sectionOf } from './picks';
import { Rendered } from './rendered';
import type { SnapshotDto } from './snapshot.dto';

/** How long a snapshot with stale sections is served before a better one is sought, in milliseconds. */
const STALE_TTL_MS = 2_000;
/** How long a snapshot is served, in milliseconds. */
export const TTL_MS = 15_000;
/** The most answers with some of the sections whose bytes are kept. */
const MAX_KEPT_PICKS = 32;
/** How long one that was built without Redis is served, in milliseconds: it bounds such builds to one a second. */
export const DIRECT_TTL_MS = 1_000;

/** Where a snapshot came from: the cache that all processes share, or a build of this process for itself. */
export type SnapshotSource = 'cache' | 'direct';

/** How long a snapshot may be served after its build began, in milliseconds. */
export function ttlOf(document: SnapshotDto, source: SnapshotSource): number {
  if (source === 'direct') return DIRECT_TTL_MS;
  return document.stale ? STALE_TTL_MS : TTL_MS;
}

/** When it was last certain that a snapshot is the newest, and what would tell if that changed. */
export interface Verification {
  /** By this process' monotonic clock, in milliseconds. */
  readonly at: number;
  /** The connection on which an invalidation would have come since; undefined if there was none. */
  readonly busSession: number | undefined;
}

/** A snapshot as a process holds it in memory, with the bytes of its answers, which are made when first asked for. */
export class HeldSnapshot {
  private fullBytes: Rendered | undefined;
  private dashboardBytes: Rendered | undefined;
  private readonly pickBytes = new Map<string, Rendered>();
  /** Milliseconds since 1970. */
  private readonly oldestAt: number;
  /** Whether it has nothing to show: no section could be read for so long that what there was counts no more. */
  readonly empty: boolean;

  /**
   * @param bornAt when its build began, by this process' monotonic clock, in milliseconds
   */
  constructor(
    readonly document: SnapshotDto,
    readonly source: SnapshotSource,
    readonly bornAt: number,
    public verification: Verification,
  ) {
    const times = Object.values(document.sections).map((section) => new Date(section.as_of).getTime());
    this.oldestAt = Math.min(...times);
    this.empty = SECTIONS.every((name) => document[name] === null);
  }

  get version(): number {
    return this.document.version;
  }

  /** Whether it is too old to be served as the present state. */
  get expired(): boolean {
    return performance.now() - this.bornAt >= ttlOf(this.document, this.source);
  }

  /** Whole seconds since the oldest of its sections was read. */
  get ageS(): number {
    return Math.max(0, Math.round((Date.now() - this.oldestAt) / 1000));
  }

  /** The answer with all sections. */
  get full(): Rendered {
    const { sections, as_of: asOf } = this.document;
    return (this.fullBytes ??= new Rendered(JSON.stringify(this.document), documentHash(sections), asOf));
  }

  /** The answer with these sections alone. */
  only(names: readonly Pickable[]): Rendered {
    const key = names.join(',');
    const known = this.pickBytes.get(key);
    if (known) return known;
    const { version, format, as_of: asOf, sections } = this.document;
    const picked = [...new Set(names.map(sectionOf))];
    const data = {
      version,
      format,
      as_of: asOf,
      stale: picked.some((name) => sections[name]?.stale),
      sections: Object.fromEntries(picked.map((name) => [name, sections[name]])),
      ...Object.fromEntries(names.map((name) => [name, this.document[name]])),
    };
    const rendered = new Rendered(JSON.stringify(data), documentHash(sections, picked), asOf);
    if (this.pickBytes.size < MAX_KEPT_PICKS) this.pickBytes.set(key, rendered);
    return rendered;
  }

  /** The answer with the dashboard alone. */
  get dashboard(): Rendered {
    if (this.dashboardBytes) return this.dashboardBytes;
    const { version, as_of: builtAt, sections, dashboard } = this.document;
    const asOf = sections.dashboard?.as_of ?? builtAt;
    const stale = sections.dashboard?.stale ?? true;
    const hash = `${sections.dashboard?.hash ?? 'none'}${stale ? '-stale' : ''}`;
    const data = JSON.stringify({ version, as_of: asOf, stale, dashboard });
    return (this.dashboardBytes = new Rendered(data, hash, builtAt));
  }
}
