import { Injectable } from '@nestjs/common';
import { WorkerRegistry } from '../../fleet/workers/worker-registry';
import type { Collector } from '../collector';
import type { WorkerDto } from '../dto/agents-workers.dto';
import { topSlice } from './top-slice';

/** Most workers that are listed one by one. */
const MAX_LISTED = 25;
/** Most queues that are named of each. */
const MAX_NAMED = 20;

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
      queues: worker.queues.slice(0, MAX_NAMED),
      queue_count: worker.queues.length,
      rss_bytes: worker.rss_bytes,
      loop_delay_ms: worker.loop_delay_ms,
    }));
    list.sort((a, b) => a.worker_id.localeCompare(b.worker_id));
    return {
      online: list.length,
      busy: list.filter((worker) => worker.active_steps > 0).length,
      serving,
      list: topSlice(list, MAX_LISTED, (worker) => worker.active_steps),
    };
  }
}
