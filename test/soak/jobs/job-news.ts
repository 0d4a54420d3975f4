import type { EventFrame } from '../../../src/gateway/protocol';
import type { JobState } from './job-board';

/** What an event says of a job. */
type JobNote = Partial<Omit<JobState, 'id'>> & { offset: number };

interface JobEvent {
  kind?: string;
  job_id?: string;
  job_ids?: string[];
  clip_id?: string;
  status?: JobState['status'];
}

/** The topic in which all jobs are told of. */
export const JOBS_TOPIC = 'jobs';
/** What the topic of a job begins with. */
export const JOB_TOPIC = 'job:';

/** How far the progress that was told may be from the one that is stored, which has fewer digits. */
const ROUNDING = 1e-6;

/**
 * What a follower believes of jobs who has heard everything: by the topic of all jobs, and by the topics of those that
 * somebody follows. What one follower hears, all hear, see the tapes; so each event is read once.
 */
export class JobNews {
  private readonly inJobs = new Map<string, JobNote>();
  private readonly inTopics = new Map<string, JobNote>();
  private readonly clips = new Map<string, number>();
  /** The newest event of each topic of a job. */
  private readonly newest = new Map<string, { offset: number; text: string }>();
  private readonly repeats: string[] = [];

  /** An event that nobody had heard before. */
  heard(text: string): void {
    const { topic, offset, data } = JSON.parse(text) as EventFrame & { data: JobEvent };
    if (topic === JOBS_TOPIC) {
      for (const id of data.job_ids ?? [data.job_id ?? ''])
        note(this.inJobs, id, { offset, status: data.status });
      return;
    }
    this.lookForRepeat(topic, offset, data);
    if (data.kind === 'job') note(this.inTopics, topic.slice(JOB_TOPIC.length), { ...data, offset });
    if (data.clip_id) this.clips.set(data.clip_id, (this.clips.get(data.clip_id) ?? 0) + 1);
  }

  /** How many jobs somebody has heard of in a topic of theirs. */
  get followed(): number {
    return this.inTopics.size;
  }

  /** What is not as these jobs are, who do not change any more. */
  problems(jobs: readonly JobState[]): string[] {
    const twice = [...this.clips].filter(([, times]) => times > 1);
    return [
      ...this.repeats,
      ...twice.map(([id, times]) => `clip ${id} was told of ${times} times`),
      ...jobs.flatMap((job) => {
        const [all, own] = [this.inJobs.get(job.id), this.inTopics.get(job.id)];
        const found: string[] = [];
        if (all?.status !== job.status)
          found.push(`job ${job.id} is ${job.status}, and ${all?.status} by the topic ${JOBS_TOPIC}`);
        if (own && !agree(own, job))
          found.push(`job ${job.id} is ${JSON.stringify(job)}, and by its topic ${JSON.stringify(own)}`);
        return found;
      }),
    ];
  }

  /** The same event under two numbers. A job is told of whenever a step of it has moved, so of it the same can come again. */
  private lookForRepeat(topic: string, offset: number, data: JobEvent): void {
    const before = this.newest.get(topic);
    const text = JSON.stringify(data);
    if (before?.offset === offset - 1 && before.text === text && data.kind !== 'job')
      this.repeats.push(`${topic} says twice, up to ${offset}: ${text}`);
    if ((before?.offset ?? 0) < offset) this.newest.set(topic, { offset, text });
  }
}

function note(notes: Map<string, JobNote>, id: string, news: JobNote): void {
  if ((notes.get(id)?.offset ?? 0) < news.offset) notes.set(id, news);
}

function agree(told: JobNote, job: JobState): boolean {
  return (
    told.status === job.status &&
    told.attempt === job.attempt &&
    Math.abs((told.progress ?? 0) - job.progress) < ROUNDING &&
    (told.error_code ?? null) === job.error_code
  );
}
