import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AppError } from '../../platform/errors/app-error';
import { Db, type Tx } from '../../platform/postgres/db';
import { currentCarrier } from '../../platform/telemetry/spans';
import { type AgentGraph, AgentRegistry } from '../flow/agent-registry';
import { FlowChanges } from '../flow/flow-changes';
import { FlowEvents } from '../flow/flow-events';
import { GraphVersions } from '../flow/graph-versions';
import { StepDispatch } from '../flow/step-dispatch';
import { recordEvent } from '../flow/system-events';
import type { JobStatus } from '../flow/transitions';
import { readJob } from '../steps/step';
import { useUploads } from '../uploads/upload-use';
import { type CancelResult, JobCancellation } from './job-cancellation';
import { JobRetry, type Retryability, type RetryResult } from './job-retry';
import type { RetryFrom } from './rerun-plan';
import { checkCaptions } from './captions-upload';
import { stepSettings } from './step-settings';

/** What a job is made from. */
export interface NewJob {
  userId: string;
  uploadId: string;
  /** A finalized upload with subtitles for it. */
  captionsUploadId?: string;
  /** The file's name without its extension unless given. */
  title?: string;
  /** 1 (most urgent) to 10; 5 unless given. */
  priority?: number;
  /** Settings of agents by their id, over the operator's. */
  settings?: Record<string, unknown>;
  traceId?: string;
}

/** Jobs: made, cancelled and retried. */
@Injectable()
export class JobsService {
  constructor(
    private readonly db: Db,
    private readonly agents: AgentRegistry,
    private readonly graphs: GraphVersions,
    private readonly dispatch: StepDispatch,
    private readonly events: FlowEvents,
    private readonly cancellation: JobCancellation,
    private readonly retries: JobRetry,
  ) {}

  /**
   * Makes a job for a finalized upload of this user, with a step for each agent of the graph in force; it keeps that graph.
   *
   * @throws AppError UPLOAD_NOT_FOUND, UPLOAD_EXPIRED, UPLOAD_NOT_FINALIZED, VALIDATION_ERROR (settings of an unknown agent, subtitles
   * of another kind)
   */
  async create(input: NewJob): Promise<{ job_id: string; status: JobStatus }> {
    const graph = this.agents.current();
    const perStep = stepSettings(graph, graph.settings, input.settings ?? {});
    const jobId = uuidv7();
    const carrier = currentCarrier();
    await this.db.transaction(async (tx) => {
      const title = await this.titleOf(tx, input);
      if (input.captionsUploadId !== undefined) await checkCaptions(tx, input.captionsUploadId, input.userId);
      await tx.execute(
        `INSERT INTO jobs (id, user_id, upload_id, title, status, priority, settings, graph_version, trace_id,
           trace_context, captions_upload_id)
         VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9, $10)`,
        [
          jobId,
          input.userId,
          input.uploadId,
          title,
          input.priority ?? 5,
          JSON.stringify(input.settings ?? {}),
          await this.graphs.of(graph, tx),
          input.traceId ?? null,
          carrier,
          input.captionsUploadId ?? null,
        ],
      );
      await useUploads(tx, [input.uploadId, ...(input.captionsUploadId ? [input.captionsUploadId] : [])]);
      await this.insertSteps(tx, jobId, input.priority ?? 5, graph, perStep);
      await recordEvent(tx, {
        level: 'info',
        event: 'job.created',
        message: `Job ${jobId} was created`,
        data: { upload_id: input.uploadId, priority: input.priority ?? 5 },
        jobId,
        traceId: input.traceId,
      });
    });
    await this.dispatchJob(jobId);
    return { job_id: jobId, status: 'queued' };
  }

  /**
   * Cancels a job: a waiting one at once; for a processing one, waits up to 5 s until its process is gone.
   * Within a transaction (`tx`) nothing is told and nothing waited for: call {@link awaitCancel} after the commit.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  cancel(jobId: string, options: { ownerId?: string; reason?: string; tx?: Tx } = {}): Promise<CancelResult> {
    return options.tx ? this.cancellation.request(jobId, options) : this.cancellation.cancel(jobId, options);
  }

  /** After the commit of a cancel in a transaction: tells the workers, and waits up to 5 s. */
  awaitCancel(jobId: string): Promise<CancelResult> {
    return this.cancellation.settled(jobId, { announce: true });
  }

  /**
   * Queues a failed or cancelled job again. Within a transaction (`tx`), call {@link dispatchJob} after the commit.
   *
   * @throws AppError JOB_NOT_FOUND, INVALID_JOB_STATE
   */
  async retry(jobId: string, options: { from: RetryFrom; ownerId?: string; tx?: Tx }): Promise<RetryResult> {
    const result = await this.retries.retry(jobId, options);
    if (!options.tx) await this.dispatchJob(jobId);
    return result;
  }

  /** Whether and how the job can be retried. @throws AppError JOB_NOT_FOUND */
  retryability(jobId: string, ownerId?: string): Promise<Retryability> {
    return this.retries.retryability(jobId, ownerId);
  }

  /** After the commit that made or retried a job: hands its waiting steps to Bull and tells those who watch. */
  async dispatchJob(jobId: string): Promise<void> {
    const job = await readJob(this.db, jobId);
    if (!job) return;
    const changes = new FlowChanges();
    changes.addJob({ job_id: job.id, status: job.status, progress: job.progress, attempt: job.attempt });
    await Promise.all([this.dispatch.enqueueJob(jobId), this.events.committed(changes)]);
  }

  private async titleOf(tx: Tx, input: NewJob): Promise<string> {
    const [upload] = await tx.query<{ filename: string; status: string; user_id: string }>(
      'SELECT filename, status, user_id FROM uploads WHERE id = $1 FOR NO KEY UPDATE',
      [input.uploadId],
    );
    if (!upload || upload.user_id !== input.userId) throw new AppError('UPLOAD_NOT_FOUND');
    if (upload.status === 'expired') throw new AppError('UPLOAD_EXPIRED');
    if (upload.status !== 'finalized') throw new AppError('UPLOAD_NOT_FINALIZED');
    return input.title ?? (upload.filename.replace(/\.[^.]{1,8}$/, '') || upload.filename);
  }

  private async insertSteps(
    tx: Tx,
    jobId: string,
    priority: number,
    graph: AgentGraph,
    settings: ReadonlyMap<string, Record<string, unknown>>,
  ): Promise<void> {
    const limits = graph.settings.jobs;
    for (const { agent: id, needs, position } of graph.steps) {
      const node = graph.node(id);
      await tx.execute(
        `INSERT INTO steps (id, job_id, agent, type, needs, position, status, priority, max_attempts, timeout_s, settings,
           queued_at)
         VALUES ($1, $2, $3, $11, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $6 = 'queued' THEN now() END)`,
        [
          uuidv7(),
          jobId,
          id,
          needs,
          position,
          needs.length === 0 ? 'queued' : 'blocked',
          priority,
          Math.min(node?.maxAttempts ?? 1, limits.max_attempts),
          Math.min(node?.timeoutS ?? limits.step_timeout_s, limits.step_timeout_s),
          JSON.stringify(settings.get(id) ?? {}),
          node && node.type.id !== id ? node.type.id : null,
        ],
      );
    }
  }
}
