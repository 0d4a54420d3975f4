import { Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { Collector } from '../collector';
import type { ManagerDto, ManagersDto } from '../dto/managers.dto';

/** The control loops, as their leases tell. */
@Injectable()
export class ManagersCollector implements Collector<ManagersDto> {
  readonly name = 'managers';

  constructor(private readonly db: Db) {}

  async collect(): Promise<ManagersDto> {
    const managers = await this.db.query<ManagerDto>(
      `SELECT name AS manager,
         CASE WHEN expires_at <= clock_timestamp() THEN 'leaderless'
              WHEN last_error IS NOT NULL THEN 'failing' ELSE 'running' END AS status,
         holder AS leader, fence, runs, failures, last_error, last_run_at, last_duration_ms
       FROM manager_leases ORDER BY name`,
    );
    const count = (status: ManagerDto['status']) => managers.filter((one) => one.status === status).length;
    return {
      totals: {
        managers: managers.length,
        running: count('running'),
        failing: count('failing'),
        leaderless: count('leaderless'),
      },
      managers,
    };
  }
}
