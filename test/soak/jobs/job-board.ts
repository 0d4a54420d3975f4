import type { Query } from '../../nemesis/arena/patiently';

/** A job as Postgres has it. */
export interface JobState {
  id: string;
  status: 'queued' | 'processing' | 'completed' | 'failed' | 'cancelled';
  attempt: number;
  progress: number;
  error_code: string | null;
}

/** The jobs of one user, for those who act on them and for those who check them in the end. */
export class JobBoard {
  /** As they were at the last look. */
  jobs: readonly JobState[] = [];

  constructor(
    private readonly query: Query,
    private readonly ownerId: string,
  ) {}

  /** Looks how they stand. */
  async look(): Promise<readonly JobState[]> {
    this.jobs = await this.query<JobState>(
      'SELECT id, status, attempt, progress, error_code FROM jobs WHERE user_id = $1 ORDER BY id',
      [this.ownerId],
    );
    return this.jobs;
  }

  /** Those that wait or run. */
  get unfinished(): JobState[] {
    return this.jobs.filter(({ status }) => status === 'queued' || status === 'processing');
  }

  /** How many are in this state. */
  count(status: JobState['status']): number {
    return this.jobs.filter((job) => job.status === status).length;
  }

  /** Those that can be retried. */
  get retryable(): JobState[] {
    return this.jobs.filter(({ status }) => status === 'failed' || status === 'cancelled');
  }
}
