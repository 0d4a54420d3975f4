import { Injectable, Logger } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { AgentRegistry } from '../flow/agent-registry';
import { FlowEvents } from '../flow/flow-events';
import { weightedProgress } from '../flow/progress';
import type { StepStatus } from '../flow/transitions';
import { reasonOf } from '../../platform/errors/unavailable';

/** Writes down how far running steps have come. */
@Injectable()
export class StepProgress {
  private readonly log = new Logger(StepProgress.name);

  constructor(
    private readonly db: Db,
    private readonly agents: AgentRegistry,
    private readonly events: FlowEvents,
  ) {}

  /** Stores the progress of an attempt and of its job; both only rise. Never throws: the next report follows. */
  async report(
    of: { jobId: string; stepId: string; agent: string; attempt: number },
    fraction: number,
  ): Promise<void> {
    try {
      const changed = await this.db.execute(
        `UPDATE steps SET progress = $3, updated_at = now()
         WHERE id = $1 AND attempt = $2 AND status = 'processing' AND progress < $3`,
        [of.stepId, of.attempt, fraction],
      );
      if (changed === 0) return;
      const steps = await this.db.query<{ agent: string; status: StepStatus; progress: number }>(
        'SELECT agent, status, progress FROM steps WHERE job_id = $1',
        [of.jobId],
      );
      const [job] = await this.db.query<{ progress: number }>(
        `UPDATE jobs SET progress = greatest(progress, $2), updated_at = now()
         WHERE id = $1 AND status = 'processing' RETURNING progress`,
        [of.jobId, weightedProgress(steps, (agent) => this.agents.weightOf(agent))],
      );
      if (job)
        await this.events.progress({ jobId: of.jobId, agent: of.agent, progress: fraction }, job.progress);
    } catch (error) {
      this.log.debug(`Progress of step ${of.stepId} could not be stored: ${reasonOf(error)}`);
    }
  }
}
