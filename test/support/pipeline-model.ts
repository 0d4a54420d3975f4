/** What the test asks for. */
export interface ModelRequest {
  /** Of the model's users, by number. */
  readonly user: number;
  readonly action: 'job.retry' | 'job.cancel' | 'job.delete' | 'queue.pause' | 'queue.resume';
  /** Of the model's jobs, by number; nothing to actions of queues. */
  readonly job: number;
  /** Of the keys, by number; null: without one. */
  readonly key: number | null;
  /** With a field that no action has. */
  readonly malformed: boolean;
  readonly dryRun: boolean;
  /** Of the previews that were made, by number; null: without a token. */
  readonly preview: number | null;
}

/** What the answer must be. */
export interface Expected {
  readonly status: number;
  readonly code: string;
  readonly replayed: boolean;
  /** What the answer says of whether anything was different before; undefined where it says no such thing. */
  readonly changed?: boolean;
}

/** A job as the model and the database both see it; null: it is not there any more. */
export type ModelJob = { status: 'failed' | 'queued' | 'cancelled'; attempt: number } | null;

/** Entries of the audit, counted by phase, kind and outcome. */
export type AuditCounts = Record<string, number>;

type Role = 'admin' | 'operator' | 'readonly';
type Effect = Omit<Expected, 'replayed'>;

const DONE: Effect = { status: 200, code: 'success' };
const refused = (status: number, code: string): Effect => ({ status, code });

/** How often a user may run job.delete in the time that the model lives. */
export const MOST_DELETIONS = 4;

/**
 * The pipeline, said again in a hundred lines and without anything that can fail: one process, one store, no time.
 * What the product answers, does and records must be the same, whichever process is asked.
 */
export class PipelineModel {
  readonly jobs: ModelJob[];
  readonly audit: AuditCounts = {};
  readonly previews: { by: number; job: number; state: string | null }[] = [];
  paused: boolean;
  /** Whether an operator holds all calls of the queue back. */
  held = false;
  private readonly answers = new Map<string, { body: string; expected: Expected }>();
  private readonly deletions = new Map<number, number>();

  constructor(
    private readonly roles: readonly Role[],
    jobs: number,
    paused: boolean,
  ) {
    this.jobs = Array.from({ length: jobs }, () => ({ status: 'failed', attempt: 1 }));
    this.paused = paused;
  }

  /** What the answer must be; the model is then as the product must be after it. */
  ask(request: ModelRequest): Expected {
    const denial = this.denial(request);
    if (denial) return this.denied(request, denial);
    const name = request.key === null || request.dryRun ? null : `${request.user}/${request.key}`;
    const body = `${request.action}/${request.action.startsWith('job.') ? request.job : ''}`;
    const earlier = name === null ? undefined : this.answers.get(name);
    if (earlier)
      return earlier.body === body
        ? { ...earlier.expected, replayed: true }
        : this.denied(request, refused(422, 'IDEMPOTENCY_MISMATCH'));
    const expected = { ...this.run(request), replayed: false };
    if (name !== null && expected.status !== 503) this.answers.set(name, { body, expected });
    return expected;
  }

  private denied({ dryRun }: ModelRequest, denial: Effect): Expected {
    this.record('denial', dryRun, 'denied');
    return { ...denial, replayed: false };
  }

  /** Before anything is claimed: in this order, and the first one counts. */
  private denial({ user, action, job, malformed, preview }: ModelRequest): Effect | undefined {
    if (malformed) return refused(400, 'VALIDATION_ERROR');
    const made = preview === null ? undefined : this.previews[preview];
    if (made && (made.by !== user || made.job !== job)) return refused(400, 'PREVIEW_INVALID');
    const role = this.roles[user];
    const allowed = role === 'admin' || (role === 'operator' && action !== 'job.delete');
    if (!allowed) return refused(403, 'FORBIDDEN');
    if (action !== 'job.delete') return undefined;
    const spent = this.deletions.get(user) ?? 0;
    if (spent >= MOST_DELETIONS) return refused(429, 'RATE_LIMITED');
    this.deletions.set(user, spent + 1);
    return undefined;
  }

  private run(request: ModelRequest): Effect {
    const effect = this.held ? refused(503, 'CIRCUIT_OPEN') : this.effect(request);
    this.record('intent', request.dryRun, 'pending');
    this.record('outcome', request.dryRun, effect.status === 200 ? 'succeeded' : 'failed');
    return effect;
  }

  private effect({ user, action, job, dryRun, preview }: ModelRequest): Effect {
    if (action === 'queue.pause' || action === 'queue.resume') {
      const changed = this.paused !== (action === 'queue.pause');
      this.paused = action === 'queue.pause';
      return { ...DONE, changed };
    }
    const target = this.jobs[job];
    if (!target) return refused(404, 'JOB_NOT_FOUND');
    const over = target.status !== 'queued';
    if (dryRun) {
      this.previews.push({ by: user, job, state: over ? target.status : null });
      return DONE;
    }
    if (preview !== null && this.previews[preview]?.state !== target.status) return refused(409, 'CONFLICT');
    if (over !== (action !== 'job.cancel')) return refused(409, 'INVALID_JOB_STATE');
    if (action === 'job.retry') this.jobs[job] = { status: 'queued', attempt: target.attempt + 1 };
    if (action === 'job.cancel') this.jobs[job] = { ...target, status: 'cancelled' };
    if (action === 'job.delete') this.jobs[job] = null;
    return DONE;
  }

  private record(phase: string, dryRun: boolean, outcome: string): void {
    const what = `${phase} ${dryRun ? 'preview' : 'act'} ${outcome}`;
    this.audit[what] = (this.audit[what] ?? 0) + 1;
  }
}
