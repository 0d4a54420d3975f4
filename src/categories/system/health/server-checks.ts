import { Inject, Injectable } from '@nestjs/common';
import { MIGRATIONS } from '../../../platform/postgres/data-source';
import { Db } from '../../../platform/postgres/db';
import { RedisService } from '../../../platform/redis/redis.service';
import { BlobStore } from '../../../platform/storage/blob-store';
import { type Check, failing, type Finding, ok, warning } from './check';

const GIB = 1_073_741_824;
const LOW_DISK_BYTES = 5 * GIB;
const NO_DISK_BYTES = GIB / 2;
/** Leases, limits and logs of different machines are compared; more than this makes them misleading. */
const MAX_SKEW_MS = 1_000;

/** Checks of what the system stands on: servers, storage, clocks, schema. */
@Injectable()
export class ServerChecks {
  /** In the order in which they are shown. */
  readonly checks: readonly Check[];

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RedisService) private readonly redis: RedisService,
    @Inject(BlobStore) private readonly blobs: BlobStore,
  ) {
    this.checks = [
      {
        name: 'postgres',
        adviceOnFailure: 'Start Postgres, or mend DATABASE_URL.',
        run: () => this.postgres(),
      },
      {
        name: 'redis',
        adviceOnFailure: 'Start Redis, or mend REDIS_URL; no job is lost meanwhile.',
        run: () => this.redisServer(),
      },
      {
        name: 'storage',
        adviceOnFailure: 'Check that STORAGE_DIR exists and can be written.',
        run: () => this.storage(),
      },
      { name: 'disk', adviceOnFailure: 'Check the file system of STORAGE_DIR.', run: () => this.disk() },
      { name: 'migrations', adviceOnFailure: 'Check Postgres first.', run: () => this.migrations() },
      { name: 'clock_skew', adviceOnFailure: 'Check Postgres and Redis first.', run: () => this.clockSkew() },
    ];
  }

  private async postgres(): Promise<Finding> {
    const [row] = await this.db.query<{ version: string; used: number; max: number }>(
      `SELECT current_setting('server_version') AS version, current_setting('max_connections')::int AS max,
              (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`,
    );
    if (!row) return failing('Postgres gave no answer.', 'Look at its log.');
    const detail = { version: row.version, connections: row.used, max_connections: row.max };
    return row.used > row.max * 0.8
      ? warning(
          'Postgres is running out of connections.',
          'Lower DATABASE_POOL or raise max_connections.',
          detail,
        )
      : ok(`Postgres ${row.version} answers.`, detail);
  }

  private async redisServer(): Promise<Finding> {
    const info = await this.redis.client.info('memory');
    const number = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const detail = { used_memory_bytes: number('used_memory'), maxmemory_bytes: number('maxmemory') };
    return detail.maxmemory_bytes > 0 && detail.used_memory_bytes > detail.maxmemory_bytes * 0.9
      ? warning('Redis is nearly out of memory.', 'Raise maxmemory.', detail)
      : ok('Redis answers.', detail);
  }

  private async storage(): Promise<Finding> {
    await this.blobs.check();
    return ok('Files can be stored.');
  }

  private async disk(): Promise<Finding> {
    const { freeBytes, totalBytes } = await this.blobs.usage();
    const detail = { free_bytes: freeBytes, total_bytes: totalBytes };
    const free = `${(freeBytes / GIB).toFixed(1)} GiB of the disk are free.`;
    if (freeBytes < NO_DISK_BYTES) return failing(free, 'Make space: uploads and jobs fail without.', detail);
    return freeBytes < LOW_DISK_BYTES ? warning(free, 'Make space soon.', detail) : ok(free, detail);
  }

  private async migrations(): Promise<Finding> {
    const rows = await this.db.query<{ name: string }>('SELECT name FROM migrations');
    const done = new Set(rows.map((row) => row.name));
    const pending = MIGRATIONS.map((migration) => migration.name).filter((name) => !done.has(name));
    return pending.length > 0
      ? failing(`${pending.length} migrations have not been run.`, 'Run npm run migration:run.', { pending })
      : ok('The schema is up to date.');
  }

  private async clockSkew(): Promise<Finding> {
    const before = Date.now();
    const [rows, [seconds, micros]] = await Promise.all([
      this.db.query<{ ms: number }>('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms'),
      this.redis.client.time(),
    ]);
    // What passed while asking cannot be told from skew.
    const slack = Date.now() - before;
    const off = (ms: number) => Math.max(0, Math.abs(ms - before) - slack);
    const detail = {
      postgres_ms: Math.round(off(rows[0]?.ms ?? before)),
      redis_ms: Math.round(off(Number(seconds) * 1000 + Number(micros) / 1000)),
    };
    const worst = Math.max(detail.postgres_ms, detail.redis_ms);
    return worst > MAX_SKEW_MS
      ? warning(
          `The clocks differ by ${(worst / 1000).toFixed(1)} s.`,
          'Run a time service on all machines.',
          detail,
        )
      : ok('The clocks agree.', detail);
  }
}
