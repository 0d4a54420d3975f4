import { parseArgs } from 'node:util';
import { StartProblem } from '../problem';

/** What `--help` says. */
export const SEED_USAGE = `Usage: npm run seed -- [--jobs 25] [--events 100] [--clean] [--days 30] [--seed 1] [--until 2026-01-31T12:00:00Z]
Fills the database with plausible history. --clean first removes what earlier seeds made, and nothing else.`;

/** What history is wanted. The same options (with the same --until) make the same history. */
export interface SeedOptions {
  jobs: number;
  events: number;
  /** Over how many days the jobs are spread. */
  days: number;
  seed: number;
  /** The end of the history. */
  until: Date;
  clean: boolean;
}

/** @throws StartProblem with a sentence */
export function seedOptions(argv: string[], now = new Date()): SeedOptions {
  const text = { type: 'string' } as const;
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: { jobs: text, events: text, days: text, seed: text, until: text, clean: { type: 'boolean' } },
    }));
  } catch (error) {
    throw new StartProblem(`${(error as Error).message}\n${SEED_USAGE}`);
  }
  const whole = (name: string, fallback: number, min: number, max: number) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new StartProblem(`--${name} must be a whole number from ${min} to ${max}.`);
  };
  const until = typeof values.until === 'string' ? new Date(values.until) : now;
  if (Number.isNaN(until.getTime()))
    throw new StartProblem('--until must be a date, as 2026-01-31T12:00:00Z.');
  return {
    jobs: whole('jobs', 25, 0, 5_000_000),
    events: whole('events', 100, 0, 5_000_000),
    days: whole('days', 30, 1, 3_650),
    seed: whole('seed', 1, 0, 2 ** 31 - 1),
    until,
    clean: values.clean === true,
  };
}

/** Jobs that are still under way: the newest ones. */
export interface ActiveJobs {
  queued: number;
  processing: number;
}

/** How many of so many jobs are still under way: a few, however long the history is. */
export function activeJobs(jobs: number): ActiveJobs {
  const share = (part: number, most: number) => Math.min(most, Math.ceil(jobs * part));
  return jobs < 5 ? { queued: 0, processing: 0 } : { queued: share(0.08, 200), processing: share(0.04, 20) };
}
