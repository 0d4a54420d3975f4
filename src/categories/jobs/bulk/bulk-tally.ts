import type { BulkVerdict } from '../../../media/jobs/bulk';

/** How many of each kind are listed. */
const LISTED = 100;

/** A job that was not done, and why. */
export interface NotDone {
  job_id: string;
  reason: string;
}

/** What became of the jobs of a bulk action so far. */
export interface Tally {
  done: number;
  skipped: number;
  failed: number;
  skipped_by_reason: Record<string, number>;
  failed_by_reason: Record<string, number>;
  /** The first 100 of each, in the order in which they were dealt with. */
  first_done: string[];
  first_skipped: NotDone[];
  first_failed: NotDone[];
}

/** Before the first job. */
export const NOTHING: Tally = {
  done: 0,
  skipped: 0,
  failed: 0,
  skipped_by_reason: {},
  failed_by_reason: {},
  first_done: [],
  first_skipped: [],
  first_failed: [],
};

/** The tally with these, too. */
export function counted(before: Tally, verdicts: readonly BulkVerdict[]): Tally {
  const tally = structuredClone(before);
  for (const verdict of verdicts) {
    if (verdict.outcome === 'skipped') {
      tally.skipped += 1;
      note(tally.skipped_by_reason, tally.first_skipped, verdict);
    } else if (verdict.outcome === 'failed') {
      tally.failed += 1;
      note(tally.failed_by_reason, tally.first_failed, verdict);
    } else {
      tally.done += 1;
      if (tally.first_done.length < LISTED) tally.first_done.push(verdict.id);
    }
  }
  return tally;
}

function note(
  byReason: Record<string, number>,
  first: NotDone[],
  { id, reason }: { id: string; reason: string },
): void {
  byReason[reason] = (byReason[reason] ?? 0) + 1;
  if (first.length < LISTED) first.push({ job_id: id, reason });
}
