import { Inject, Injectable } from '@nestjs/common';
import { ProcessDriver } from '../../fleet/drivers/process/process-driver';
import { WorkerRegistry } from '../../fleet/workers/worker-registry';
import { Db } from '../../platform/postgres/db';
import { ENV, type Env } from '../../platform/settings/env';
import type { Collector } from '../collector';
import type { ServiceDto, ServicesDto } from '../snapshot.dto';

/** The processes: from the launcher where it runs them, else as far as they report themselves. */
@Injectable()
export class ServicesCollector implements Collector<ServicesDto> {
  readonly name = 'services';
  readonly deadlineMs = 1_000;
  private readonly launcher: ProcessDriver | undefined;

  constructor(
    private readonly db: Db,
    private readonly workers: WorkerRegistry,
    @Inject(ENV) env: Env,
  ) {
    if (env.launcherSocket) this.launcher = new ProcessDriver(env.launcherSocket, this.deadlineMs);
  }

  async collect(): Promise<ServicesDto> {
    const services = this.launcher ? await this.launcher.list() : await this.reported();
    return {
      source: this.launcher ? 'launcher' : 'self-reported',
      totals: {
        services: services.length,
        running: services.filter((service) => service.state === 'running').length,
      },
      services,
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
        pid: worker.pid,
        since: worker.started_at,
      })),
      ...holders.map(({ holder }) => ({ ...unknown, name: holder, role: 'manager', pid: null, since: null })),
    ];
  }
}
