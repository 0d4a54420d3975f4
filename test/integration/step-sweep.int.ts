import { FlowModule } from '../../src/media/flow/flow.module';
import { SWEPT } from '../../src/media/flow/queues/swept-mark';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { StepDispatch } from '../../src/media/flow/step-dispatch';
import { StepSweep } from '../../src/media/flow/step-sweep';
import { RedisService } from '../../src/platform/redis/redis.service';
import { bootModules, type TestApp } from '../support/app';
import { makeUser } from '../support/users';

/** More than a run looks at when Redis is as it should be. */
const STEPS = 2_600;
const AGENT = 'inspector';

const FILL = `
WITH made AS (
  INSERT INTO jobs (id, user_id, title, status, graph_version)
  SELECT gen_random_uuid(), $1, 'job', 'queued', 1 FROM generate_series(1, ${STEPS}) RETURNING id)
INSERT INTO steps (id, job_id, agent, position, status, queued_at)
SELECT gen_random_uuid(), id, '${AGENT}', 0, 'queued', now() FROM made`;

describe('the sweep over all that waits', () => {
  let test: TestApp;
  let sweep: StepSweep;
  const going = new AbortController().signal;
  const waiting = async () => (await test.get(StepQueues).counts())[AGENT]?.waiting;
  /** Loses what waits, and the mark that says that it is there. */
  const lose = async () => {
    const { client } = test.redis;
    const entries = await client.keys(`${test.get(StepQueues).get(AGENT).toKey('')}*`);
    await client.del(test.get(RedisService).key(...SWEPT), ...entries);
  };

  beforeAll(async () => {
    test = await bootModules([FlowModule]);
    sweep = test.get(StepSweep);
    await test.database.query(FILL, [(await makeUser(test.database)).id]);
  });
  beforeEach(() => lose());
  afterAll(() => test?.close());

  it('brings back in one run what Redis has lost', async () => {
    expect(await sweep.run(going)).toBe(STEPS);
    expect(await waiting()).toBe(STEPS);
    expect(await sweep.run(going)).toBe(0);
  });

  it('does so in the next run where one was cut off', async () => {
    const stopped = new AbortController();
    const enqueue = jest.spyOn(test.get(StepDispatch), 'enqueue');
    enqueue.mockImplementationOnce(() => {
      stopped.abort();
      return Promise.resolve();
    });
    await sweep.run(stopped.signal);
    enqueue.mockRestore();
    expect(await waiting()).toBe(0);
    expect(await sweep.run(going)).toBe(STEPS);
    expect(await waiting()).toBe(STEPS);
  });

  it('begins anew where all was lost again right before it had come to its end', async () => {
    const dispatch = test.get(StepDispatch);
    const add = dispatch.enqueue.bind(dispatch);
    const enqueue = jest.spyOn(dispatch, 'enqueue').mockImplementation(async (steps) => {
      if (steps.length < 500) await lose();
      await add(steps);
    });
    expect(await sweep.run(going)).toBe(STEPS);
    enqueue.mockRestore();
    expect(await waiting()).toBe(STEPS % 500);
    await sweep.run(going);
    expect(await waiting()).toBe(STEPS);
  });
});
