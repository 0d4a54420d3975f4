import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { ENV, type Env } from '../../platform/settings/env';
import { BlobStore } from '../../platform/storage/blob-store';
import { failSpan } from '../../platform/telemetry/spans';
import type { AgentResult, AgentRun, AnyAgent } from '../agents/agent';
import { makeStepDir } from '../tools/leftovers';
import { isRefused, persist } from '../steps/persist';
import type { Claim } from '../steps/step-claims';
import { StepFiles } from '../steps/step-files';
import { StepProgress } from '../steps/step-progress';
import { type Attempt, StepSettlement, type Verdict } from '../steps/step-settlement';
import { MediaToolset } from './media-toolset';
import { AgentRegistry } from './agent-registry';
import { traceStep } from './job-trace';
import { neededBy } from './dependents';
import { ProgressThrottle } from './progress';
import { abortKind, StepAbort } from './step-abort';
import { failureOf, flowFailure, type StepFailure } from './step-failure';
import { keyOfStep } from './step-key';
import { isStepDone } from './transitions';
import { reasonOf } from '../../platform/errors/unavailable';

/** How long a worker tries to report the end of a step while Postgres is away, in milliseconds. */
const REPORT_FOR_MS = 60_000;
/** How long an aborted agent may take to clean up, in milliseconds; its processes are killed after 3 s. */
const ABORT_GRACE_MS = 10_000;

type Ended = { result: AgentResult } | { error: unknown };

/** Runs one claimed attempt of a step, from its work dir to its settlement. */
@Injectable()
export class StepRunner {
  private readonly log = new Logger(StepRunner.name);
  private readonly listeners = new Set<(stepId: string, code: string) => void>();

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly db: Db,
    private readonly blobs: BlobStore,
    private readonly agents: AgentRegistry,
    private readonly settlement: StepSettlement,
    private readonly progress: StepProgress,
    private readonly tools: MediaToolset,
  ) {}

  /** Calls `listener` with the step and the code of each failure. */
  onFailure(listener: (stepId: string, code: string) => void): void {
    this.listeners.add(listener);
  }

  /**
   * Runs the step. An abort of `signal`, with a {@link StepAbort} as its reason, ends it early.
   * `settling` is called when the agent has ended and only the report remains.
   * Never throws: what cannot be reported is found by the lease running out.
   */
  run(claim: Claim, signal: AbortSignal, settling: () => void): Promise<void> {
    return traceStep(claim, () => this.runAttempt(claim, signal, settling));
  }

  private async runAttempt(claim: Claim, signal: AbortSignal, settling: () => void): Promise<void> {
    const { step } = claim;
    const of: Attempt = { jobId: step.job_id, stepId: step.id, attempt: step.attempt };
    const files = new StepFiles(this.db, this.blobs, { ...of, agent: step.agent });
    let workDir: string | undefined;
    try {
      const timeout = new AbortController();
      const timer = setTimeout(() => timeout.abort(new StepAbort('timeout')), step.timeout_s * 1_000);
      const both = AbortSignal.any([signal, timeout.signal]);
      const ended = await makeStepDir(this.env.workDir)
        .then(
          (made) => {
            workDir = made;
            return this.runAgent(claim, files, made, both);
          },
          // There may be no place for it: that is reported like all else that goes wrong.
          (error: unknown): Ended => ({ error }),
        )
        .finally(() => clearTimeout(timer));
      files.close();
      settling();
      await this.settle(claim, of, files, ended, both);
    } catch (error) {
      // The lease runs out and somebody runs the step again; this attempt's files are removed then.
      failSpan('NOT_REPORTED');
      this.tell(step.id, 'NOT_REPORTED');
      this.log.error(`The end of step ${step.id} could not be reported: ${reasonOf(error)}`);
    } finally {
      files.release();
      if (workDir) await this.removeDir(workDir);
    }
  }

  private async removeDir(workDir: string): Promise<void> {
    try {
      await rm(workDir, { recursive: true, force: true });
    } catch (error) {
      // The next worker that starts here clears it away.
      this.log.warn(`A work dir could not be removed: ${reasonOf(error)}`);
    }
  }

  private async runAgent(
    claim: Claim,
    files: StepFiles,
    workDir: string,
    signal: AbortSignal,
  ): Promise<Ended> {
    const { step, source } = claim;
    const agent = this.agents.types.get(step.type);
    if (!agent) return { error: new Error(`This worker has no agents of the type ${step.type}`) };
    if (!source) return { error: flowFailure('SOURCE_MISSING', false) };
    const throttle = new ProgressThrottle((fraction) =>
      this.progress.report(
        { jobId: step.job_id, stepId: step.id, agent: step.agent, attempt: step.attempt },
        fraction,
      ),
    );
    try {
      const run = await this.agentRun(claim, agent, files, workDir, signal, (f) => throttle.report(f));
      return await outcome(agent.run(run), signal);
    } catch (error) {
      return { error };
    } finally {
      throttle.close();
    }
  }

  private async agentRun(
    { step, siblings, source, captions }: Claim,
    agent: AnyAgent,
    files: StepFiles,
    workDir: string,
    signal: AbortSignal,
    progress: (fraction: number) => void,
  ): Promise<AgentRun> {
    const inputs: Record<string, unknown> = {};
    // What happens to be there besides would make the output depend on who was quicker.
    const needed = neededBy(step.agent, siblings);
    for (const other of siblings)
      if (needed.has(other.agent) && isStepDone(other.status) && other.output)
        inputs[other.agent] = other.output;
    return {
      jobId: step.job_id,
      stepId: step.id,
      attempt: step.attempt,
      settings: { ...agent.defaults, ...step.settings },
      source: {
        path: await files.local(source?.storage_key ?? '', signal),
        filename: source?.filename ?? '',
        size: source?.size_bytes ?? 0,
        sha256: source?.sha256 ?? null,
      },
      captions: captions
        ? {
            path: await files.local(captions.storage_key, signal),
            filename: captions.filename,
            size: captions.size_bytes,
            sha256: captions.sha256,
          }
        : null,
      inputs,
      workDir,
      signal,
      progress,
      publish: (file) => files.publish(file, signal),
      open: (artifactId) => files.open(artifactId, signal),
      log: new Logger(step.agent),
      tools: await this.tools.get(),
    };
  }

  private async settle(
    claim: Claim,
    of: Attempt,
    files: StepFiles,
    ended: Ended,
    signal: AbortSignal,
  ): Promise<void> {
    const kind = abortKind(signal);
    if (kind && 'error' in ended) failSpan(kind);
    if (kind === 'lost') return this.tidied(() => files.discard());
    if (kind === 'cancel') return void (await this.without(files, () => this.settlement.release(of)));
    if ('result' in ended) return this.complete(claim, of, files, ended.result);
    if (kind === 'release') return void (await this.without(files, () => this.settlement.release(of)));
    const failure =
      kind === 'timeout' ? flowFailure('STEP_TIMEOUT', true, textOf(ended.error)) : asFailure(ended.error);
    const verb = failure.later ? 'has to wait' : 'failed';
    this.log.warn(
      `Step ${claim.step.agent} of job ${of.jobId} ${verb} (attempt ${of.attempt}): ${failure.code}`,
    );
    return this.fail(of, files, failure);
  }

  private async complete(claim: Claim, of: Attempt, files: StepFiles, result: AgentResult): Promise<void> {
    const completed = result.status === 'completed';
    const report = {
      status: result.status,
      output: result.output ?? null,
      skipReason: completed ? null : result.reason,
      stepKey: keyOfStep(claim.step, claim.siblings, claim.source?.sha256 ?? null, this.agents),
      artifacts: files.published,
      clips: completed ? result.clips : undefined,
    };
    let verdict: Verdict;
    try {
      verdict = await persist(() => this.settlement.complete(of, report), REPORT_FOR_MS);
    } catch (error) {
      if (!isRefused(error)) throw error;
      // What the agent answered cannot be stored: its fault, and the next attempt would answer the same.
      const failure = flowFailure('STEP_CRASHED', false, textOf(error));
      return this.fail(of, files, failure);
    }
    await this.tidied(() => (verdict === 'applied' ? files.discardEarlier() : files.discard()));
  }

  private async fail(of: Attempt, files: StepFiles, failure: StepFailure): Promise<void> {
    const failed = () => {
      failSpan(failure.code);
      this.tell(of.stepId, failure.code);
    };
    if (!failure.later) failed();
    const verdict = await this.without(files, () => this.settlement.fail(of, failure));
    if (failure.later && verdict === 'applied') failed();
  }

  private tell(stepId: string, code: string): void {
    for (const listener of this.listeners) listener(stepId, code);
  }

  /** Settles an attempt that produced nothing: its partial output goes first, so that "settled" means gone. */
  private async without(files: StepFiles, settle: () => Promise<Verdict>): Promise<Verdict> {
    await this.tidied(() => files.discard());
    return persist(settle, REPORT_FOR_MS);
  }

  /** Removes files as far as their store lets it: what became of the attempt is said whether it does or not. */
  private async tidied(remove: () => Promise<void>): Promise<void> {
    try {
      await remove();
    } catch (error) {
      // A later attempt that completes removes what earlier ones left, and who deletes the job all of it.
      this.log.warn(`Files of an attempt stay for now: ${reasonOf(error)}`);
    }
  }
}

/** How the agent ended; an aborted one that does not end in time is left to itself. */
async function outcome(running: Promise<AgentResult>, signal: AbortSignal): Promise<Ended> {
  const ended = running.then(
    (result): Ended => ({ result }),
    (error: unknown): Ended => ({ error }),
  );
  const over = new AbortController();
  const abandoned = aborted(signal, over.signal)
    .then(() => delay(ABORT_GRACE_MS, undefined, { signal: over.signal }))
    .then((): Ended => ({ error: new Error('The agent did not stop when it was told to') }));
  // Rejects only when the agent ended first, and then nobody waits for it.
  abandoned.catch(() => undefined);
  try {
    return await Promise.race([ended, abandoned]);
  } finally {
    over.abort();
  }
}

/** Resolves when `signal` is aborted; rejects when `over` is, first. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over });
    over.addEventListener('abort', () => reject(new Error('over')), { once: true });
  });
}

function asFailure(error: unknown): StepFailure {
  return isFailure(error) ? error : failureOf(error);
}

function isFailure(error: unknown): error is StepFailure {
  return typeof error === 'object' && error !== null && !(error instanceof Error) && 'retryable' in error;
}

function textOf(error: unknown): string | undefined {
  return error instanceof Error ? (error.stack ?? error.message) : undefined;
}
