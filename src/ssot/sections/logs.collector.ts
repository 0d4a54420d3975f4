import { Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { Collector } from '../collector';
import type { LogLineDto, LogsDto } from '../dto/logs.dto';

/** The newest system events. */
@Injectable()
export class LogsCollector implements Collector<LogsDto> {
  readonly name = 'logs';

  constructor(private readonly db: Db) {}

  async collect(): Promise<LogsDto> {
    const [levels, recent] = await Promise.all([
      this.db.query<{ level: string; count: number }>(
        `SELECT level, count(*)::int AS count FROM system_events
         WHERE at >= now() - interval '1 hour' GROUP BY level ORDER BY level`,
      ),
      this.db.query<LogLineDto>(
        `SELECT id, at, level, source, event, left(message, 300) AS message, job_id, trace_id
         FROM system_events ORDER BY at DESC, id DESC LIMIT 100`,
      ),
    ]);
    return { levels_1h: Object.fromEntries(levels.map((row) => [row.level, row.count])), recent };
  }
}
