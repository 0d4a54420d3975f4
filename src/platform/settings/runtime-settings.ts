import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { AppError, type FieldError } from '../errors/app-error';
import { fieldErrors, namedField } from '../errors/field-errors';
import { MessageBus } from '../messages/message-bus';
import { Db, type Tx } from '../postgres/db';
import { applyPatch, changesBetween, type Patch, type SettingChange } from './patch';
import { Settings } from './settings';
import { FailureLog } from '../telemetry/failure-log';

/** Who saves settings, and what they say about it. */
export interface SettingsAuthor {
  readonly authorId: string | null;
  readonly comment?: string;
  /** The version that the author has read; saving fails if it is not the newest any more. */
  readonly expectedVersion?: number;
}

/** What to change, or how to find that out from the newest version: nobody saves another one meanwhile. */
export type SettingsChange = Patch<Settings> | ((newest: Settings) => Patch<Settings>);

/** A version of the settings, and what it changes. */
export interface SavedSettings {
  readonly version: number;
  readonly settings: Settings;
  readonly changes: readonly SettingChange[];
}

/** Finds what the rules of the schema cannot: whether what settings name exists. Empty if all is well. */
export type SettingsCheck = (settings: Settings) => readonly FieldError[];

/** How often each process looks for a version that no message told it of, in milliseconds. */
const POLL_MS = 1_000;

/** The settings in force: read at start, and again within a second of any change by any process. */
@Injectable()
export class RuntimeSettings implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger(RuntimeSettings.name);
  private readonly listeners = new Set<(settings: Settings) => void>();
  private readonly checks: SettingsCheck[] = [];
  private settings = new Settings();
  private loadedVersion = 0;
  private timer?: NodeJS.Timeout;
  private readonly reading = new FailureLog(this.log, {
    fails: 'Settings cannot be read',
    again: 'Settings can be read again',
  });

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(MessageBus) private readonly bus: MessageBus,
  ) {}

  /** Loads the newest version and keeps up from then on. */
  async onModuleInit(): Promise<void> {
    await this.refresh();
    this.bus.on('settings.changed', () => this.refresh());
    this.timer = setInterval(() => void this.poll(), POLL_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** The settings in force in this process. Not to be changed. */
  current(): Settings {
    return this.settings;
  }

  /** The version in force in this process; 0 = the defaults. */
  version(): number {
    return this.loadedVersion;
  }

  /** Applies the newest version here if it is not in force yet; the version that is in force then. */
  async catchUp(): Promise<number> {
    await this.refresh();
    return this.loadedVersion;
  }

  /** Calls `listener` after each change; the answer ends that. */
  onChange(listener: (settings: Settings) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** From now on nothing is saved that `check` finds fault with. What has been saved stays in force. */
  addCheck(check: SettingsCheck): void {
    this.checks.push(check);
  }

  /**
   * Saves a new version: the newest one with `change` applied, validated as a whole.
   * Within a transaction of the caller (`tx`), the caller calls {@link announce} after its commit.
   *
   * @throws AppError VALIDATION_ERROR naming each field that is wrong
   * @throws AppError CONFIG_VERSION_CONFLICT if the author has not read the newest version
   */
  async update(change: SettingsChange, author: SettingsAuthor, tx?: Tx): Promise<SavedSettings> {
    const save = async (inner: Tx) => {
      // Writers take turns, so that none builds on a version that is not the newest.
      await inner.query('LOCK TABLE settings_versions IN SHARE ROW EXCLUSIVE MODE');
      const planned = await this.plan(change, author, inner);
      await inner.execute(
        'INSERT INTO settings_versions (version, settings, comment, author_id, changes) VALUES ($1, $2, $3, $4, $5)',
        [
          planned.version,
          JSON.stringify(planned.settings),
          author.comment ?? null,
          author.authorId,
          JSON.stringify(planned.changes),
        ],
      );
      return planned;
    };
    if (tx) return save(tx);
    const saved = await this.db.transaction(save);
    await this.announce(saved.version);
    return saved;
  }

  /** What {@link update} would save now. @throws what that throws */
  async plan(change: SettingsChange, author: SettingsAuthor, tx: Tx = this.db): Promise<SavedSettings> {
    const newest = await latest(tx);
    const before = newest.version === this.loadedVersion ? this.settings : readable(newest.settings);
    const patch = typeof change === 'function' ? change(before) : change;
    // First, so that what can be saved on no version at all is not answered with a newer version to try.
    const settings = validated(applyPatch(newest.settings, patch));
    if (author.expectedVersion !== undefined && author.expectedVersion !== newest.version)
      throw new AppError(
        'CONFIG_VERSION_CONFLICT',
        `The newest version of the settings is ${newest.version}.`,
      );
    refuse(this.checks.flatMap((check) => check(settings)));
    return { version: newest.version + 1, settings, changes: changesBetween(before, settings) };
  }

  /** Applies a committed version here and tells all other processes. */
  async announce(version: number): Promise<void> {
    await this.refresh();
    await this.bus.publish('settings.changed', { version });
  }

  private async poll(): Promise<void> {
    try {
      await this.refresh();
      this.reading.succeeded();
    } catch (error) {
      this.reading.failed(error);
    }
  }

  private async refresh(): Promise<void> {
    const [row] = await this.db.query<{ version: number }>(
      'SELECT coalesce(max(version), 0)::int AS version FROM settings_versions',
    );
    if (row === undefined || row.version <= this.loadedVersion) return;
    const newest = await latest(this.db);
    if (newest.version <= this.loadedVersion) return;
    this.settings = readable(newest.settings);
    this.loadedVersion = newest.version;
    for (const listener of this.listeners) listener(this.settings);
  }
}

async function latest(tx: Tx): Promise<{ version: number; settings: Record<string, unknown> }> {
  const [row] = await tx.query<{ version: number; settings: Record<string, unknown> }>(
    'SELECT version, settings FROM settings_versions ORDER BY version DESC LIMIT 1',
  );
  return row ?? { version: 0, settings: {} };
}

/** Settings as they may be saved. @throws AppError VALIDATION_ERROR */
function validated(plain: Record<string, unknown>): Settings {
  const settings = plainToInstance(Settings, plain, { exposeDefaultValues: true });
  const errors = validateSync(settings, { whitelist: true, forbidNonWhitelisted: true });
  refuse(fieldErrors(errors, namedField, ['settings']));
  return settings;
}

/**
 * Settings as they were saved. What a newer release knows and this one does not is left out: while one
 * replaces the other, both run on the same settings.
 */
function readable(plain: Record<string, unknown>): Settings {
  const settings = plainToInstance(Settings, plain, { exposeDefaultValues: true });
  refuse(fieldErrors(validateSync(settings, { whitelist: true }), namedField, ['settings']));
  return settings;
}

function refuse(details: readonly FieldError[]): void {
  if (details.length > 0)
    throw new AppError('VALIDATION_ERROR', 'The settings are not valid.', { details: [...details] });
}
