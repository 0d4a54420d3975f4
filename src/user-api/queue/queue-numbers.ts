import { Inject, Injectable } from '@nestjs/common';
import { WorkerRegistry } from '../../fleet/workers/worker-registry';
import { AgentRegistry } from '../../media/flow/agent-registry';
import { QueueState } from '../../media/flow/queues/queue-state';
import { StepQueues } from '../../media/flow/queues/step-queues';
import { AppError } from '../../platform/errors/app-error';
import { SsotService } from '../../ssot/ssot.service';
import { OwnSteps } from './own-steps';
import { HEAD, QueueHeads } from './queue-heads';
import type { OpenStep } from './queue-rows';
import { hourOf, lineOf, totalsOf, waitingStep } from './queue-views';
import type { QueueDetailsView, QueueLine, QueueStatsView, QueueStatusView } from './queue.dto';

/** The lines of all queues, and for users the steps that they were made of. */
interface Lines {
  lines: QueueLine[];
  steps?: OpenStep[];
  partial: boolean;
}

/**
 * The queues, as far as somebody may see them. What everybody's steps come to is read from the lengths of Bull's
 * lists, which Redis knows without looking through them, and of what a drain holds back in Postgres, or from the read
 * model; a user's own are found by their jobs.
 */
@Injectable()
export class QueueNumbers {
  constructor(
    @Inject(StepQueues) private readonly queues: StepQueues,
    @Inject(QueueState) private readonly states: QueueState,
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(SsotService) private readonly readModel: SsotService,
    @Inject(QueueHeads) private readonly heads: QueueHeads,
    @Inject(OwnSteps) private readonly own: OwnSteps,
  ) {}

  /** How full they are. @param userId whose steps count; everybody's, if undefined */
  async status(userId: string | undefined): Promise<QueueStatusView> {
    const asOf = new Date();
    const { lines, partial } = await this.lines(userId);
    return { ...head(userId, asOf, partial), totals: totalsOf(lines), queues: lines };
  }

  /** With who serves them, and what comes next. */
  async details(userId: string | undefined): Promise<QueueDetailsView> {
    const asOf = new Date();
    const [{ lines, steps, partial }, workers, heads] = await Promise.all([
      this.lines(userId),
      this.workers.list(),
      userId === undefined ? this.heads.of(this.queues.names) : undefined,
    ]);
    const queues = lines.map((line) => {
      const { queue } = line;
      const { next, oldest } = heads?.get(queue) ?? headOf(steps?.filter((step) => step.agent === queue));
      return {
        ...line,
        title: this.agents.current().node(queue)?.type.title ?? queue,
        workers: workers.filter((worker) => worker.queues.includes(queue)).length,
        oldest_waiting_at: oldest?.toISOString() ?? null,
        next: next.map(waitingStep),
      };
    });
    return { ...head(userId, asOf, partial), totals: totalsOf(lines), workers: workers.length, queues };
  }

  /** What they did in the last hour. @throws AppError SERVICE_UNAVAILABLE while the read model has nothing */
  async stats(userId: string | undefined): Promise<QueueStatsView> {
    if (userId === undefined) return this.statsOfAll();
    const [rows, { steps }] = await Promise.all([this.own.lastHour(userId), this.own.open(userId)]);
    const queues = this.queues.names.map((name) =>
      hourOf(
        name,
        rows.find((row) => row.agent === name),
        headOf(steps.filter((step) => step.agent === name)).oldest,
      ),
    );
    return { ...head(userId, new Date(), false), stale: false, queues };
  }

  private async statsOfAll(): Promise<QueueStatsView> {
    const { document } = (await this.readModel.read()).snapshot;
    const { queue, sections } = document;
    const meta = sections['queue'];
    if (!queue || !meta)
      throw new AppError('SERVICE_UNAVAILABLE', 'The numbers of the queues are not known yet.');
    const queues = queue.queues.map((line) => ({
      queue: line.queue,
      completed_1h: line.completed_1h,
      failed_1h: line.failed_1h,
      failure_rate_1h: line.failure_rate_1h,
      throughput_per_min: line.throughput_per_min,
      oldest_waiting_at: line.oldest_waiting_at && new Date(line.oldest_waiting_at).toISOString(),
      wait_ms_p50: line.wait_ms_p50,
      wait_ms_p95: line.wait_ms_p95,
      wait_ms_p99: line.wait_ms_p99,
      run_ms_p50: line.run_ms_p50,
      run_ms_p95: line.run_ms_p95,
      run_ms_p99: line.run_ms_p99,
    }));
    return { ...head(undefined, new Date(meta.as_of), false), stale: meta.stale, queues };
  }

  private async lines(userId: string | undefined): Promise<Lines> {
    const [counts, standings, held, own] = await Promise.all([
      this.queues.counts(),
      this.states.standings(),
      this.states.held(),
      userId === undefined ? undefined : this.own.open(userId),
    ]);
    const lines = this.queues.names.map((queue): QueueLine => {
      const { waiting = 0, active = 0, delayed = 0, paused = false } = counts[queue] ?? {};
      const status = paused ? 'paused' : (standings.get(queue)?.drain ?? 'running');
      if (own)
        return lineOf(
          queue,
          status,
          own.steps.filter((step) => step.agent === queue),
        );
      return { queue, status, waiting: waiting + (held.get(queue) ?? 0), active, delayed };
    });
    return { lines, steps: own?.steps, partial: own?.partial ?? false };
  }
}

function head(userId: string | undefined, asOf: Date, partial: boolean) {
  const scope = userId === undefined ? ('all' as const) : ('own' as const);
  return { scope, as_of: asOf.toISOString(), is_partial: partial };
}

/** The head of a queue of which all steps are there, in the order in which they are taken. */
function headOf(steps: readonly OpenStep[] = []): { next: OpenStep[]; oldest: Date | null } {
  const waiting = steps.filter((step) => step.status === 'queued' && !step.delayed);
  const times = waiting.flatMap((step) => step.queued_at?.getTime() ?? []);
  return { next: waiting.slice(0, HEAD), oldest: times.length === 0 ? null : new Date(Math.min(...times)) };
}
