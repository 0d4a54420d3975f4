import { statfs } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CircuitStore } from '../../pipeline/breaker/circuit-store';
import { DEPENDENCIES } from '../../pipeline/catalogue/action.decorator';
import { Db } from '../../platform/postgres/db';
import { RedisService } from '../../platform/redis/redis.service';
import { ENV, type Env } from '../../platform/settings/env';
import { Settings } from '../../platform/settings/settings';
import type { Collector } from '../collector';
import type { CircuitDto, SystemDto } from '../dto/system.dto';

const POSTGRES = `
SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
  (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS connections,
  current_setting('max_connections')::int AS max_connections`;

/** Maintenance, settings, Postgres, Redis, circuits and the space for files. The same from whatever process it is read. */
@Injectable()
export class SystemCollector implements Collector<SystemDto> {
  readonly name = 'system';

  constructor(
    private readonly db: Db,
    private readonly redis: RedisService,
    private readonly circuits: CircuitStore,
    @Inject(ENV) private readonly env: Env,
  ) {}

  async collect(): Promise<SystemDto> {
    const [settings, postgres, info, circuits, disk] = await Promise.all([
      // Not from this process' copy of the settings: that may be a moment behind the action that changed them.
      this.db.query<{ version: number; maintenance: SystemDto['maintenance'] | null }>(
        `SELECT version, settings -> 'maintenance' AS maintenance FROM settings_versions ORDER BY version DESC LIMIT 1`,
      ),
      this.db.query<SystemDto['postgres']>(POSTGRES),
      // Redis away is a fact to show, not a reason to know nothing about the rest.
      this.redis.client.info().catch(() => null),
      this.readCircuits().catch(() => null),
      statfs(this.env.storageDir).catch(() => null),
    ]);
    const [server] = postgres;
    if (!server) throw new Error('Postgres told nothing about itself');
    return {
      maintenance: { ...new Settings().maintenance, ...settings[0]?.maintenance },
      settings_version: settings[0]?.version ?? 0,
      postgres: server,
      redis: info === null ? null : redisFacts(info),
      circuits,
      storage: disk && { total_bytes: disk.blocks * disk.bsize, free_bytes: disk.bavail * disk.bsize },
    };
  }

  /** Without what moves by itself: a document whose content is the same has the same hash. */
  private async readCircuits(): Promise<CircuitDto[]> {
    const states = await this.circuits.states(DEPENDENCIES);
    return states.map(({ dependency, state, forced, trips, openUntil }) => ({
      dependency,
      state: forced ?? state,
      forced: forced !== null,
      trips,
      open_until: openUntil > 0 ? new Date(openUntil) : null,
    }));
  }
}

function redisFacts(info: string): SystemDto['redis'] {
  return {
    version: field(info, 'valkey_version') ?? field(info, 'redis_version') ?? 'unknown',
    used_memory_bytes: Number(field(info, 'used_memory') ?? 0),
    clients: Number(field(info, 'connected_clients') ?? 0),
  };
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}
