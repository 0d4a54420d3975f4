import { Injectable } from '@nestjs/common';
import { WorkerRegistry } from '../../fleet/workers/worker-registry';
import type { Collector } from '../collector';
import type { WorkerDto } from '../snapshot.dto';

/** Most workers that are listed one by one. */
const MAX_LISTED = 100;

/** The workers that report themselves. */
export interface WorkersFound {
  online: number;
  busy: number;
  /** How many workers serve a queue, by its name. */
  serving: Record<string, number>;
  list: WorkerDto[];
}

/** The workers, as their heartbeats tell. */
@Injectable()
export class WorkersCollector implements Collector<WorkersFound> {
  readonly name = 'workers';

  constructor(private readonly registry: WorkerRegistry) {}

  async collect(): Promise<WorkersFound> {
    const workers = await this.registry.list();
    const serving: Record<string, number> = {};
    for (const queue of workers.flatMap((worker) => worker.queues))
      serving[queue] = (serving[queue] ?? 0) + 1;
    const list = workers.map((worker) => ({
      worker_id: worker.worker_id,
      pool: worker.pool,
      pid: worker.pid,
      started_at: worker.started_at,
      concurrency: worker.concurrency,
      active_steps: worker.active_steps.length,
      queues: [...worker.queues],
      rss_bytes: worker.rss_bytes,
      loop_delay_ms: worker.loop_delay_ms,
    }));
    list.sort((a, b) => a.worker_id.localeCompare(b.worker_id));
    return {
      online: list.length,
      busy: list.filter((worker) => worker.active_steps > 0).length,
      serving,
      list: list.slice(0, MAX_LISTED),
    };
  }
}
