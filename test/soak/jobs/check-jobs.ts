import { groupBy } from '../../../src/media/flow/group-by';
import type { Query } from '../../nemesis/arena/patiently';
import type { JobState } from './job-board';
import { type Ending, readEndings } from './job-ledger';

/** What jobs came to, in figures and in what is not as it must be. */
export interface JobFindings {
  violations: string[];
  /** How many ended how. */
  ended: Record<string, number>;
  /** How many further attempts they had, by an operator's retry. */
  retried: number;
  clips: number;
  /** Steps that were taken from workers who were gone. */
  lost: number;
}

interface ClipRow {
  job_id: string;
  position: number;
  start_s: number;
  end_s: number;
  files: number;
}

const CLIPS = `
SELECT c.job_id, c.position, c.start_s, c.end_s,
       (SELECT count(*) FROM clip_variants v JOIN artifacts a ON a.id = v.artifact_id WHERE v.clip_id = c.id)::int AS files
  FROM clips c WHERE c.user_id = $1 ORDER BY c.job_id, c.position`;

/** Files of one step with the same name: an earlier attempt's beside a later one's. */
const TWICE = `
SELECT a.job_id, a.name FROM artifacts a WHERE a.user_id = $1 AND a.job_id IS NOT NULL
 GROUP BY a.job_id, a.step_id, a.kind, a.name HAVING count(*) > 1`;

const LOST = `
SELECT count(*)::int AS n FROM system_events e JOIN jobs j ON j.id = e.job_id
 WHERE j.user_id = $1 AND e.event = 'worker.lost'`;

/** Looks at all jobs of a user, none of which may wait or run any more. */
export async function checkJobs(
  query: Query,
  ownerId: string,
  jobs: readonly JobState[],
): Promise<JobFindings> {
  const clips = groupBy(await query<ClipRow>(CLIPS, [ownerId]), (clip) => clip.job_id);
  const endings = groupBy(await readEndings(query, ownerId), (ending) => ending.job_id);
  const twice = await query<{ job_id: string; name: string }>(TWICE, [ownerId]);
  const [lost] = await query<{ n: number }>(LOST, [ownerId]);
  const violations = twice.map(({ job_id, name }) => `job ${job_id} has the file ${name} twice`);
  for (const job of jobs) {
    violations.push(...endingProblems(job, endings.get(job.id) ?? []));
    violations.push(...clipProblems(job, clips.get(job.id) ?? []));
  }
  return {
    violations,
    ended: Object.fromEntries(
      [...groupBy(jobs, ({ status }) => status)].map(([status, those]) => [status, those.length]),
    ),
    retried: jobs.reduce((sum, { attempt }) => sum + attempt - 1, 0),
    clips: [...clips.values()].flat().length,
    lost: lost?.n ?? 0,
  };
}

/** Each attempt must have ended once, the last one as the job says, and for a reason that there was. */
function endingProblems({ id, status, attempt, error_code }: JobState, endings: readonly Ending[]): string[] {
  const expected = Array.from({ length: attempt }, (_, index) => index + 1).join();
  const ended = endings.map((ending) => ending.attempt).join();
  if (ended !== expected)
    return [`job ${id} is at attempt ${attempt} and ${status}; attempts ended: ${ended}`];
  const last = endings.at(-1)?.status;
  if (last !== status) return [`job ${id} is ${status}, and ended as ${last}`];
  // Nothing else can be the end of a job of so good a video.
  const expectedError = status === 'failed' ? 'WORKER_LOST' : null;
  return error_code === expectedError ? [] : [`job ${id} is ${status} with the error ${error_code}`];
}

/** A completed job has each of its clips once, with a file. */
function clipProblems({ id, status }: JobState, clips: readonly ClipRow[]): string[] {
  if (status !== 'completed') return [];
  if (clips.length === 0) return [`job ${id} is completed without a clip`];
  const stretches = new Set(clips.map(({ start_s, end_s }) => `${start_s}-${end_s}`));
  const inOrder = clips.every(({ position }, index) => position === (clips[0]?.position ?? 0) + index);
  const whole = clips.every(({ files }) => files > 0);
  return stretches.size === clips.length && inOrder && whole
    ? []
    : [`job ${id} has clips that are doubled or not whole: ${JSON.stringify(clips)}`];
}
