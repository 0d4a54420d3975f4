import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { AppError } from '../errors/app-error';
import { fieldErrors } from '../errors/field-errors';
import { MessageBus } from '../messages/message-bus';
import { Db, type Tx } from '../postgres/db';
import { Settings } from './settings';

/** A part of something, at any depth. */
export type DeepPartial<T> = { [K in keyof T]?: T[K] extends object | null ? DeepPartial<T[K]> : T[K] };

/** How often each process looks for a version that no message told it of, in milliseconds. */
const POLL_MS = 1_000;

/** The settings in force: read at start, and again within a second of any change by any process. */
@Injectable()
export class RuntimeSettings implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger(RuntimeSettings.name);
  private readonly listeners = new Set<(settings: Settings) => void>();
  private settings = new Settings();
  private loadedVersion = 0;
  private timer?: NodeJS.Timeout;
  private failing = false;

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

  /** Calls `listener` after each change; the answer ends that. */
  onChange(listener: (settings: Settings) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Saves a new version: the newest one with `patch` merged in, validated as a whole.
   * Within a transaction of the caller (`tx`), the caller calls {@link announce} after its commit.
   *
   * @throws AppError VALIDATION_ERROR naming each field that is wrong
   */
  async update(
    patch: DeepPartial<Settings>,
    by: { authorId: string | null; comment?: string },
    tx?: Tx,
  ): Promise<{ version: number }> {
    const save = async (inner: Tx) => {
      // Writers take turns, so that none builds on a version that is not the newest.
      await inner.query('LOCK TABLE settings_versions IN SHARE ROW EXCLUSIVE MODE');
      const newest = await latest(inner);
      const settings = validated(merge(newest.settings, patch));
      const version = newest.version + 1;
      await inner.execute(
        'INSERT INTO settings_versions (version, settings, comment, author_id) VALUES ($1, $2, $3, $4)',
        [version, JSON.stringify(settings), by.comment ?? null, by.authorId],
      );
      return { version };
    };
    if (tx) return save(tx);
    const saved = await this.db.transaction(save);
    await this.announce(saved.version);
    return saved;
  }

  /** Applies a committed version here and tells all other processes. */
  async announce(version: number): Promise<void> {
    await this.refresh();
    await this.bus.publish('settings.changed', { version });
  }

  private async poll(): Promise<void> {
    try {
      await this.refresh();
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.log.warn(`Settings could not be read: ${(error as Error).message}`);
      this.failing = true;
    }
  }

  private async refresh(): Promise<void> {
    const [row] = await this.db.query<{ version: number }>(
      'SELECT coalesce(max(version), 0)::int AS version FROM settings_versions',
    );
    if (row === undefined || row.version <= this.loadedVersion) return;
    const newest = await latest(this.db);
    if (newest.version <= this.loadedVersion) return;
    this.settings = validated(newest.settings);
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

function validated(plain: Record<string, unknown>): Settings {
  const settings = plainToInstance(Settings, plain, { exposeDefaultValues: true });
  const errors = validateSync(settings, { whitelist: true, forbidNonWhitelisted: true });
  if (errors.length > 0)
    throw new AppError('VALIDATION_ERROR', 'The settings are not valid.', {
      details: fieldErrors(errors, 'settings'),
    });
  return settings;
}

function merge(base: Record<string, unknown>, patch: Record<string, unknown>): Record<string, unknown> {
  const result = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    const old = result[key];
    result[key] = isPlain(value) && isPlain(old) ? merge(old, value) : value;
  }
  return result;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
