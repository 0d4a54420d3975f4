import { Inject, Injectable } from '@nestjs/common';
import { type BulkItem, STATE_SQL } from '../../../media/jobs/bulk';
import type { FrozenItem } from '../../../pipeline/preview/preview';
import { Db } from '../../../platform/postgres/db';
import { idList, idsOf } from '../../../platform/postgres/id-lists';
import { filterCondition, type JobFilter } from '../job-filter.dto';
import { type BulkJobs, MAX_JOBS } from './bulk-jobs.dto';

/** Which jobs a bulk action is about: these, or those that fit. */
export type BulkSelector =
  | { readonly jobIds: readonly string[] }
  | {
      readonly filter: JobFilter;
      /** Failed in the last so many hours. */
      readonly failedWithinHours?: number;
    };

/** What a payload, of which validation has let through just one of the two, selects. */
export function selectorOf({ job_ids, filter }: Pick<BulkJobs<unknown>, 'job_ids' | 'filter'>): BulkSelector {
  return filter ? { filter } : { jobIds: job_ids ?? [] };
}

/** The first id of all. */
const FIRST = '00000000-0000-0000-0000-000000000000';

/** Finds the jobs that a bulk action is about. */
@Injectable()
export class BulkTargets {
  constructor(@Inject(Db) private readonly db: Db) {}

  /**
   * The jobs as they are now, and what a preview freezes of them. Those that fit come oldest first; those that were
   * named in the order in which they were, and what is not there is left out.
   *
   * @param after only those that come after this one, of those that fit
   */
  async find(selector: BulkSelector, after = FIRST, limit = MAX_JOBS): Promise<FrozenItem[]> {
    if ('jobIds' in selector) {
      const rows = await this.db.query<FrozenItem>(
        `SELECT j.id, ${STATE_SQL} AS state FROM jobs j WHERE j.id = ANY($1)`,
        [selector.jobIds],
      );
      const byId = new Map(rows.map((row) => [row.id, row]));
      return [...new Set(selector.jobIds)].flatMap((id) => byId.get(id.toLowerCase()) ?? []);
    }
    const { filter, failedWithinHours } = selector;
    const { sql, params } = filterCondition(filter, 4);
    const atMost = Math.min(limit, filter.limit ?? MAX_JOBS);
    // As many as these come over by what they have in common.
    const alike = await this.db.query<{ state: string; ids: string }>(
      `SELECT state, ${idList('id')} AS ids FROM (
         SELECT j.id, ${STATE_SQL} AS state FROM jobs j
          WHERE j.id > $1 AND ($3::int IS NULL OR j.finished_at > now() - make_interval(hours => $3)) AND ${sql}
          ORDER BY j.id LIMIT $2) found
        GROUP BY state`,
      [after, atMost, failedWithinHours ?? null, ...params],
    );
    const found = alike.flatMap(({ state, ids }) => idsOf(ids).map((id) => ({ id, state })));
    return alike.length > 1 ? found.sort((a, b) => (a.id < b.id ? -1 : 1)) : found;
  }

  /** The items of a run that begins now: those that a preview froze, those named, or those that fit. */
  async items(selector: BulkSelector, selection?: readonly FrozenItem[]): Promise<BulkItem[]> {
    if (selection) return [...selection];
    if ('jobIds' in selector) return selector.jobIds.map((id) => ({ id: id.toLowerCase() }));
    return this.find(selector);
  }
}
