import { Injectable } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { MessageBus } from '../../platform/messages/message-bus';
import { StepDispatch } from './step-dispatch';
import type { FlowChanges } from './flow-changes';
import { recordJob } from './job-trace';
import { isJobSettled } from './transitions';

/** Tells the world what was committed. All of it is best effort: the truth is in Postgres. */
@Injectable()
export class FlowEvents {
  constructor(
    private readonly feed: LiveFeed,
    private readonly bus: MessageBus,
    private readonly dispatch: StepDispatch,
  ) {}

  /** To be called after the commit. Never throws. */
  async committed(changes: FlowChanges): Promise<void> {
    const told: Promise<void>[] = [this.dispatch.enqueue(changes.ready())];
    for (const abort of changes.aborts) told.push(this.bus.publish('step.abort', abort));
    for (const step of changes.steps.values()) {
      const { id, job_id, agent, status, progress, attempt } = step;
      told.push(
        this.feed.publish(`job:${job_id}`, {
          kind: 'step',
          job_id,
          step_id: id,
          agent,
          status,
          progress,
          attempt,
        }),
      );
    }
    for (const clip of changes.clips)
      told.push(this.feed.publish(`job:${clip.job_id}`, { kind: 'clip', ...clip }));
    for (const job of changes.jobs.values()) {
      const { job_id, status, progress } = job;
      told.push(
        this.feed.publish(`job:${job_id}`, { kind: 'job', ...job }),
        this.feed.publish('jobs', { job_id, status, progress }),
      );
      if (isJobSettled(status)) told.push(this.bus.publish('job.settled', { job_id, status }));
    }
    for (const job of changes.ended) {
      const change = changes.jobs.get(job.id);
      if (change) recordJob(job, change);
    }
    await Promise.all(told);
  }

  /** Tells how far a step and its job have come. */
  async progress(
    step: { jobId: string; agent: string; progress: number },
    jobProgress: number,
  ): Promise<void> {
    await Promise.all([
      this.feed.publish(`job:${step.jobId}`, {
        kind: 'progress',
        job_id: step.jobId,
        agent: step.agent,
        step_progress: step.progress,
        progress: jobProgress,
      }),
      this.feed.publish('jobs', { job_id: step.jobId, status: 'processing', progress: jobProgress }),
    ]);
  }
}
