import type { RetryResult } from '../../../media/jobs/job-retry';
import type { JobsService } from '../../../media/jobs/jobs.service';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { AppError } from '../../../platform/errors/app-error';
import type { Tx } from '../../../platform/postgres/db';
import { RetryJob, RetryJobHandler } from './retry-job.action';

const RESULT: RetryResult = { job_id: 'j1', status: 'queued', attempt: 2, kept_steps: [], rerun_steps: [] };
const TX = {} as Tx;

function setUp(
  retry: () => Promise<RetryResult>,
  dispatchJob: () => Promise<void> = () => Promise.resolve(),
) {
  const order: string[] = [];
  const jobs = {
    retry: (jobId: string, options: object) => {
      order.push(
        `retry ${jobId} ${JSON.stringify({ ...options, tx: 'tx' in options && options.tx === TX })}`,
      );
      return retry();
    },
    dispatchJob: () => {
      order.push('dispatch');
      return dispatchJob();
    },
  } as unknown as JobsService;
  const context = {
    ownerId: 'u1',
    transaction: async (work: (tx: Tx) => Promise<unknown>) => {
      const result = await work(TX);
      order.push('commit');
      return result;
    },
  } as ActionContext;
  return {
    order,
    handler: new RetryJobHandler(jobs),
    command: Object.assign(new RetryJob(), { job_id: 'j1', context }),
  };
}

describe('job.retry', () => {
  it('queues the job in the transaction of its outcome, and dispatches it after the commit', async () => {
    const { order, handler, command } = setUp(() => Promise.resolve(RESULT));
    expect(await handler.execute(command)).toEqual(RESULT);
    expect(order).toEqual(['retry j1 {"from":"failed_step","ownerId":"u1","tx":true}', 'commit', 'dispatch']);
  });

  it('has succeeded once it is committed, whatever Redis says', async () => {
    const { handler, command } = setUp(
      () => Promise.resolve(RESULT),
      () => Promise.reject(new Error('Redis is away')),
    );
    Object.assign(handler, { log: { warn: () => undefined } });
    expect(await handler.execute(command)).toEqual(RESULT);
  });

  it('dispatches nothing when the job cannot be retried', async () => {
    const { order, handler, command } = setUp(() => Promise.reject(new AppError('INVALID_JOB_STATE')));
    await expect(handler.execute(command)).rejects.toMatchObject({ code: 'INVALID_JOB_STATE' });
    expect(order).toHaveLength(1);
  });
});
