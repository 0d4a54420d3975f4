import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { reasonOf, unavailableServer } from '../../platform/errors/unavailable';
import { Db, type Tx } from '../../platform/postgres/db';
import { sqlState } from '../../platform/postgres/pg-errors';
import { addressGroup } from '../limits/address-group';
import { PersonalFields } from './subjects/personal-fields';
import { AUDIT_COLUMNS, AUDIT_RECORD, type AuditEntry } from './audit-entry';

/** How often denials are written, in milliseconds. */
const FLUSH_MS = 100;
/** A flood is one key within this time, in milliseconds. */
const WINDOW_MS = 10_000;
/** Denials of one key that get an entry each within the window; further ones share one entry with their number. */
const SINGLE_ENTRIES = 5;
/** Different keys within a window; further ones share a key with those of the same nature. */
const MAX_KEYS = 1_000;

/** SQLSTATE classes that mean that the values were wrong, and not that the server was: data, and constraints. */
const REJECTED = /^2[23]/;

/** What stands in an entry that was not taken as it is: who did what, and none of what came from outside. */
const NOTHING_SAID = { payload: null, detail: null, reason: null, ip: null, user_agent: null } as const;

interface Flood {
  until: number;
  seen: number;
  /** The last of those that have no entry of their own, and how many they are. */
  rest?: AuditEntry;
  restCount: number;
}

const INSERT = `INSERT INTO audit_entries (${AUDIT_COLUMNS.join(', ')})
SELECT ${AUDIT_COLUMNS.join(', ')} FROM jsonb_to_recordset($1::jsonb) AS entry (${AUDIT_RECORD})`;

/**
 * Writes audit entries that stand alone. Intents and outcomes are written by the execution store, in the
 * same statement as the execution.
 */
@Injectable()
export class AuditLog implements BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly log = new Logger(AuditLog.name);
  private readonly floods = new Map<string, Flood>();
  private waiting: AuditEntry[] = [];
  /** Whether some of it could not be written and has to be tried again. */
  private behind = false;
  private timer?: NodeJS.Timeout;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(PersonalFields) private readonly personal: PersonalFields,
  ) {}

  /** Writes entries now. @throws if Postgres does not take them */
  async write(entries: readonly AuditEntry[], tx: Tx = this.db): Promise<void> {
    if (entries.length === 0) return;
    const sealed: AuditEntry[] = [];
    for (const entry of entries) sealed.push(await this.personal.seal(entry));
    await tx.execute(INSERT, [JSON.stringify(sealed)]);
  }

  /**
   * Records that something was refused, within {@link FLUSH_MS}. A flood of the same refusals costs a few
   * entries, the last of which carries their number; nothing is dropped.
   */
  denied(entry: AuditEntry): void {
    const now = performance.now();
    const key = this.keyOf(entry);
    const flood = this.floods.get(key) ?? { until: now + WINDOW_MS, seen: 0, restCount: 0 };
    this.floods.set(key, flood);
    flood.seen += 1;
    if (flood.seen <= SINGLE_ENTRIES) this.waiting.push(entry);
    else {
      flood.rest = entry;
      flood.restCount += 1;
    }
    this.timer ??= setTimeout(() => this.flushSoon(), FLUSH_MS);
  }

  /** Writes what is held back: the requests that run now are waited for after this, and the process may be killed. */
  beforeApplicationShutdown(): Promise<void> {
    return this.writeAllHeld();
  }

  /**
   * Writes what those requests were refused for: HTTP is closed now, and the pool is not yet. Modules are shut down from
   * the root on, and TypeORM's, which is global, is among the last of them.
   */
  onApplicationShutdown(): Promise<void> {
    return this.writeAllHeld();
  }

  private async writeAllHeld(): Promise<void> {
    clearTimeout(this.timer);
    for (const flood of this.floods.values()) flood.until = 0;
    this.behind = false;
    this.flushSoon();
    await this.writing;
  }

  private flushSoon(): void {
    this.timer = undefined;
    // One flush at a time, in order.
    this.writing = this.writing.then(() => this.flush());
  }

  private async flush(): Promise<void> {
    if (!this.behind) this.endFloods();
    const entries = this.waiting;
    this.waiting = [];
    const left = await this.writeAll(entries);
    this.behind = left.length > 0;
    this.waiting = [...left, ...this.waiting];
    if (this.floods.size > 0 || this.waiting.length > 0)
      this.timer ??= setTimeout(() => this.flushSoon(), this.waiting.length > 0 ? 1_000 : FLUSH_MS).unref();
  }

  /**
   * Begins anew with what is over. Not while nothing can be written: what repeats is only counted until then, or entries
   * would pile up for as long as Postgres is away.
   */
  private endFloods(): void {
    const now = performance.now();
    for (const [key, flood] of this.floods) {
      if (flood.until > now) continue;
      this.floods.delete(key);
      if (flood.rest) this.waiting.push({ ...flood.rest, count: flood.restCount });
    }
  }

  /** Writes entries, each as much of it as Postgres takes. @returns those that have to be tried again */
  private async writeAll(entries: readonly AuditEntry[]): Promise<readonly AuditEntry[]> {
    try {
      await this.write(entries);
      return [];
    } catch (error) {
      const [entry] = entries;
      if (!entry || !isRejection(error)) return this.later(entries, error);
      if (entries.length === 1) return this.writeBare(entry, error);
      // What one of them says must not keep the others from being recorded.
      const middle = entries.length >> 1;
      const first = await this.writeAll(entries.slice(0, middle));
      return [...first, ...(await this.writeAll(entries.slice(middle)))];
    }
  }

  private async writeBare(entry: AuditEntry, why: unknown): Promise<readonly AuditEntry[]> {
    try {
      await this.write([{ ...entry, ...NOTHING_SAID }]);
    } catch (error) {
      return this.later([entry], error);
    }
    this.log.error(`A denial was recorded without what it says (trace ${entry.trace_id}): ${reasonOf(why)}`);
    return [];
  }

  private later(entries: readonly AuditEntry[], error: unknown): readonly AuditEntry[] {
    this.log.error(`${entries.length} denials could not be recorded yet: ${reasonOf(error)}`);
    return entries;
  }

  private keyOf(entry: AuditEntry): string {
    const client = entry.ip === null ? '' : addressGroup(entry.ip);
    // One entry stands for many: what it says of them all must hold for each.
    const nature = [entry.phase, entry.kind, entry.actor_role, entry.error_code].join('\n');
    const key = [entry.actor_id, client, entry.action, nature].join('\n');
    return this.floods.has(key) || this.floods.size < MAX_KEYS ? key : `other\n${nature}`;
  }
}

/** Whether Postgres, or we, could not take what an entry says; else it is the server that cannot serve. */
function isRejection(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined ? unavailableServer(error) === undefined : REJECTED.test(state);
}
