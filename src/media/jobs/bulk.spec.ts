import { type BulkItem, judge, stateOf } from './bulk';

const JOBS = [
  { id: 'a', status: 'queued', attempt: 1 },
  { id: 'b', status: 'failed', attempt: 2 },
];
const onlyQueued = (job: { status: string }) => (job.status === 'queued' ? undefined : 'failed');

describe('many jobs at once', () => {
  it('are told apart one by one, in the order in which they were given', () => {
    const items: BulkItem[] = [{ id: 'b' }, { id: 'x' }, { id: 'a' }];
    const { verdicts, chosen } = judge(items, JOBS, onlyQueued);
    expect(verdicts).toEqual([
      { id: 'b', outcome: 'skipped', reason: 'failed' },
      { id: 'x', outcome: 'skipped', reason: 'not_found' },
      { id: 'a', outcome: 'done' },
    ]);
    expect(chosen).toEqual([JOBS[0]]);
  });

  it('are left alone if they are not what they were', () => {
    const frozen = JOBS.map((job) => ({ id: job.id, state: stateOf({ ...job, attempt: 1 }) }));
    const { verdicts } = judge(frozen, JOBS, () => undefined);
    expect(verdicts).toEqual([
      { id: 'a', outcome: 'done' },
      { id: 'b', outcome: 'skipped', reason: 'changed' },
    ]);
  });
});
