import type { Arena } from '../../nemesis/arena/arena';
import { PersistentClient } from '../../nemesis/client';
import type { History } from '../../nemesis/history';
import type { Random } from '../../nemesis/random';
import { PARKED_QUEUES } from '../../nemesis/workload/parked-queues';
import { eventually } from '../../support/eventually';
import { checkJobs, type JobFindings } from './check-jobs';
import { JobBoard } from './job-board';
import { openJobLedger } from './job-ledger';
import { JobMaker } from './job-maker';
import type { JobNews } from './job-news';
import { JobOperator } from './job-operator';

/** How long the last jobs may take to end, in milliseconds: a lost step waits for its lease, and is tried again. */
const ENDED_WITHIN_MS = 90_000;
/** How long the end of a job may take to be heard of, in milliseconds: who ended it may have died right after that. */
const KNOWN_WITHIN_MS = 20_000;

/** How the jobs of a soak are. */
export interface JobPlan {
  /** How many of them wait or run at a time. */
  jobsAtOnce: number;
  /** Between two acts on them, on average, in milliseconds. */
  jobActEveryMs: number;
}

/** What jobs came to, and how much of it was followed. */
export interface JobResult extends JobFindings {
  /** Those whose user was told that they were made. */
  accepted: number;
  made: number;
  followed: number;
}

/** Real jobs of a user, and who acts on them, while the soak goes on. */
export class JobScene {
  private constructor(
    private readonly arena: Arena,
    private readonly ownerId: string,
    /** Access token of the user whose jobs they are. */
    readonly ownerToken: string,
    private readonly board: JobBoard,
    private readonly maker: JobMaker,
    private readonly operator: JobOperator,
  ) {}

  /** Makes the people. @param onAccepted told of each job that was accepted */
  static async prepare(
    arena: Arena,
    { jobsAtOnce: atOnce }: JobPlan,
    tools: { random: Random; history: History; giveUp: AbortSignal; onAccepted(jobId: string): void },
  ): Promise<JobScene> {
    const { random, history, giveUp, onAccepted } = tools;
    await openJobLedger(arena.query);
    const owner = await arena.person('user');
    // Who is not an admin may not end a maintenance.
    const admin = await arena.person('admin');
    const board = new JobBoard(arena.query, owner.user.id);
    const maker = new JobMaker({ owner, board, atOnce, random: random.fork(), onAccepted });
    const client = new PersistentClient(-1, admin.apis, history, random.fork(), giveUp);
    const operator = new JobOperator(client, board, random.fork());
    return new JobScene(arena, owner.user.id, owner.apis[0]?.token ?? '', board, maker, operator);
  }

  /** Makes jobs, and acts on them, until `until`. */
  async work({ jobActEveryMs }: JobPlan, until: AbortSignal): Promise<void> {
    await Promise.all([this.maker.work(until), this.operator.work(jobActEveryMs, until)]);
  }

  /** Resolves when each job has ended, and those who follow it know, or they had their time. @param news what they have heard */
  async finish(news: JobNews): Promise<void> {
    const paused = await this.arena.query<{ name: string }>(
      'SELECT name FROM queues WHERE paused AND NOT name = ANY ($1)',
      [PARKED_QUEUES],
    );
    await this.operator.settle(paused.map(({ name }) => name));
    const ended = eventually(
      async () => {
        await this.board.look();
        if (this.board.unfinished.length > 0) throw new Error('some jobs have not ended');
      },
      { timeoutMs: ENDED_WITHIN_MS, intervalMs: 200 },
    );
    await ended.catch(() => undefined); // the check tells which
    const known = eventually(
      () => {
        if (news.problems(this.board.jobs).length > 0) throw new Error('not everybody knows it');
      },
      { timeoutMs: KNOWN_WITHIN_MS, intervalMs: 200 },
    );
    await known.catch(() => undefined); // here, too
  }

  /** What they came to. @param news what followers have heard */
  async check(news: JobNews): Promise<JobResult> {
    const jobs = await this.board.look();
    const known = new Set(jobs.map(({ id }) => id));
    const gone = this.maker.accepted.filter((id) => !known.has(id)).map((id) => `job ${id} is gone`);
    const findings = await checkJobs(this.arena.query, this.ownerId, jobs);
    return {
      ...findings,
      violations: [
        ...this.maker.violations,
        ...this.operator.violations,
        ...gone,
        ...findings.violations,
        ...news.problems(jobs),
      ],
      accepted: this.maker.accepted.length,
      made: jobs.length,
      followed: news.followed,
    };
  }
}
