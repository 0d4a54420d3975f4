import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { JobsInBulk } from '../bulk/jobs-in-bulk';
import { RestartFailedJobs, RestartFailedJobsHandler } from './restart-failed-jobs.action';

describe('dashboard.restart_failed_jobs', () => {
  it('retries a thousand of the last day, unless told otherwise', async () => {
    const calls: unknown[] = [];
    const retry = (selector: unknown) => Promise.resolve(calls.push(selector));
    const jobs = { retry, previewRetry: retry } as unknown as JobsInBulk;
    const handler = new RestartFailedJobsHandler(jobs);
    const context = {} as ActionContext;
    await handler.execute(Object.assign(new RestartFailedJobs(), { context }));
    await handler.preview(
      Object.assign(new RestartFailedJobs(), { failed_within_hours: 1, limit: 5, context }),
    );
    expect(calls).toEqual([
      { filter: { status: ['failed'], limit: 1_000 }, failedWithinHours: 24 },
      { filter: { status: ['failed'], limit: 5 }, failedWithinHours: 1 },
    ]);
  });
});
