import { Inject, Injectable } from '@nestjs/common';
import { RUNTIME_DRIVER } from '../../fleet/fleet.module';
import type { RuntimeDriver } from '../../fleet/runtime-driver';
import { WorkerRegistry } from '../../fleet/workers/worker-registry';
import { Db } from '../../platform/postgres/db';
import type { Collector } from '../collector';
import type { ServiceDto, ServicesDto } from '../dto/services.dto';
import { topSlice } from './top-slice';

/** Most processes that are listed one by one. */
const MAX_LISTED = 60;
/** Who lists the processes, by the kind of the driver. */
const SOURCES = { process: 'launcher', swarm: 'swarm' } as const;

/** The processes: from the driver where there is one, else as far as they report themselves. */
@Injectable()
export class ServicesCollector implements Collector<ServicesDto> {
  readonly name = 'services';
  readonly deadlineMs = 1_000;

  constructor(
    private readonly db: Db,
    private readonly workers: WorkerRegistry,
    @Inject(RUNTIME_DRIVER) private readonly driver: RuntimeDriver | null,
  ) {}

  async collect(): Promise<ServicesDto> {
    const services = this.driver ? await this.driver.list() : await this.reported();
    return {
      source: this.driver ? SOURCES[this.driver.kind] : 'self-reported',
      totals: {
        services: services.length,
        running: services.filter((service) => service.state === 'running').length,
      },
      services: topSlice(services, MAX_LISTED, (service) => (service.state === 'running' ? 0 : 1)),
    };
  }

  private async reported(): Promise<ServiceDto[]> {
    const [workers, holders] = await Promise.all([
      this.workers.list(),
      this.db.query<{ holder: string }>(
        'SELECT DISTINCT holder FROM manager_leases WHERE expires_at > clock_timestamp() ORDER BY holder',
      ),
    ]);
    const unknown = { state: 'running', restarts: null, last_exit: null };
    return [
      ...workers.map((worker) => ({
        ...unknown,
        name: worker.worker_id,
        role: 'worker',
        pool: worker.pool,
        pid: worker.pid,
        since: worker.started_at,
      })),
      ...holders.map(({ holder }) => ({
        ...unknown,
        name: holder,
        role: 'manager',
        pool: null,
        pid: null,
        since: null,
      })),
    ];
  }
}
