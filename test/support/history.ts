import { v7 as uuidv7 } from 'uuid';
import type { TestDatabase } from './database';

/** A number from 0 up to 1 that the seed decides. */
export type Random = () => number;

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Something that counts, as the test knows it. */
export interface Fact {
  metric: string;
  at: Date;
  subject: string;
  count: number;
  /** Of a histogram's value. */
  ms?: number;
}

interface Step {
  id: string;
  agent: string;
  status: string;
  endedAt?: Date;
}
interface Job {
  id: string;
  createdAt: Date;
  status: string;
  steps: Step[];
}

const AGENTS = ['inspector', 'captioner', 'clip-renderer', 'packager'];
const CODES = ['NO_VIDEO', 'DAMAGED', 'WORKER_LOST'];

/** Makes random history in a database, and knows what it made. */
export class History {
  readonly facts: Fact[] = [];
  readonly jobs: Job[] = [];

  constructor(
    private readonly database: TestDatabase,
    readonly userId: string,
    private readonly random: Random,
    /** How far it goes back, in hours. */
    private readonly hours = 20,
  ) {}

  /** One random change. */
  async step(): Promise<void> {
    const dice = this.random();
    const job = this.pick(this.jobs);
    if (!job || dice < 0.3) return this.create();
    if (dice < 0.6) return this.endStep(job);
    if (dice < 0.75) return this.retryStep(job);
    if (dice < 0.95) return this.move(job);
    return this.remove(job);
  }

  private async create(): Promise<void> {
    const job: Job = { id: uuidv7(), createdAt: this.moment(), status: 'queued', steps: [] };
    await this.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, created_at) VALUES ($1, $2, 'A job', 'queued', 1, $3)`,
      [job.id, this.userId, job.createdAt],
    );
    for (const agent of AGENTS) {
      const step = { id: uuidv7(), agent, status: 'queued' };
      await this.database.query(
        `INSERT INTO steps (id, job_id, agent, position, status, queued_at) VALUES ($1, $2, $3, 0, 'queued', now())`,
        [step.id, job.id, agent],
      );
      job.steps.push(step);
    }
    this.jobs.push(job);
    this.fact('job.created', job.createdAt);
    this.fact('job.now.queued', job.createdAt);
  }

  private async endStep(job: Job): Promise<void> {
    const step = this.pick(job.steps.filter(({ status }) => status === 'queued'));
    if (!step) return;
    const status = this.pick(['completed', 'completed', 'failed', 'skipped', 'cancelled']) ?? 'completed';
    const endedAt = this.moment();
    const [waitMs, runMs] = [Math.floor(this.random() ** 4 * 1e6), Math.floor(this.random() ** 4 * 1e7)];
    await this.database.query(
      `UPDATE steps SET status = $2, finished_at = $3::timestamptz, started_at = $3::timestamptz - $5 * interval '1 ms',
         queued_at = $3::timestamptz - ($4::int + $5::int) * interval '1 ms' WHERE id = $1`,
      [step.id, status, endedAt, waitMs, runMs],
    );
    Object.assign(step, { status, endedAt });
    if (status === 'cancelled') return;
    this.fact(`step.${status}`, endedAt, step.agent);
    this.fact('step.wait', endedAt, step.agent, 1, waitMs);
    this.fact('step.run', endedAt, step.agent, 1, runMs);
    if (status === 'failed') this.fact('step.now.failed', endedAt, step.agent);
  }

  private async retryStep(job: Job): Promise<void> {
    const step = this.pick(job.steps.filter(({ endedAt }) => endedAt));
    if (!step?.endedAt) return;
    await this.database.query(`UPDATE steps SET status = 'queued', finished_at = NULL WHERE id = $1`, [
      step.id,
    ]);
    if (step.status === 'failed') this.fact('step.now.failed', step.endedAt, step.agent, -1);
    Object.assign(step, { status: 'queued', endedAt: undefined });
  }

  private async move(job: Job): Promise<void> {
    const next: Record<string, string[]> = {
      queued: ['processing', 'cancelled'],
      processing: ['completed', 'failed', 'cancelled'],
      failed: ['queued'],
      cancelled: ['queued'],
    };
    const status = this.pick(next[job.status] ?? []);
    if (!status) return;
    const ended = ['completed', 'failed', 'cancelled'].includes(status);
    const endedAt = new Date(
      job.createdAt.getTime() + this.random() * (Date.now() - job.createdAt.getTime()),
    );
    const code = status === 'failed' ? (this.pick(CODES) ?? '') : null;
    await this.database.query(
      'UPDATE jobs SET status = $2, finished_at = $3, error_code = $4 WHERE id = $1',
      [job.id, status, ended ? endedAt : null, code],
    );
    this.fact(`job.now.${job.status}`, job.createdAt, '', -1);
    this.fact(`job.now.${status}`, job.createdAt);
    if (ended) this.fact(`job.${status}`, endedAt, code ?? '');
    if (status === 'completed')
      this.fact('job.run', endedAt, '', 1, endedAt.getTime() - job.createdAt.getTime());
    job.status = status;
  }

  private async remove(job: Job): Promise<void> {
    await this.database.query('DELETE FROM jobs WHERE id = $1', [job.id]);
    this.fact(`job.now.${job.status}`, job.createdAt, '', -1);
    for (const { status, endedAt, agent } of job.steps)
      if (status === 'failed' && endedAt) this.fact('step.now.failed', endedAt, agent, -1);
    this.jobs.splice(this.jobs.indexOf(job), 1);
  }

  private fact(metric: string, at: Date, subject = '', count = 1, ms?: number): void {
    this.facts.push({ metric, at, subject, count, ...(ms === undefined ? {} : { ms }) });
  }

  private moment(): Date {
    return new Date(Date.now() - Math.floor(this.random() * this.hours * 3_600_000));
  }

  private pick<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.random() * of.length)];
  }
}
