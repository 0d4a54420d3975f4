import type { Tx } from '../../platform/postgres/db';
import {
  isJobSettled,
  isStepDone,
  JOB_STATUSES,
  JOB_TRANSITIONS,
  moveJob,
  moveSteps,
  STEP_STATUSES,
  STEP_TRANSITIONS,
} from './transitions';

/** Which statuses follow which, by the table. */
function edges(table: Record<string, { from: readonly string[]; to: string }>): string[] {
  return Object.values(table)
    .flatMap(({ from, to }) => from.map((status) => `${status} -> ${to}`))
    .sort();
}

describe('the transitions', () => {
  it('of a job are these and no others', () => {
    expect(edges(JOB_TRANSITIONS)).toEqual([
      'cancelled -> queued',
      'failed -> queued',
      'processing -> cancelled',
      'processing -> completed',
      'processing -> failed',
      'queued -> cancelled',
      'queued -> processing',
    ]);
  });

  it('of a step reach every status, and leave a settled one only when the job is retried', () => {
    const reached = new Set(Object.values(STEP_TRANSITIONS).map(({ to }) => to));
    expect([...reached].sort()).toEqual([...STEP_STATUSES].sort());
    const settled = ['completed', 'skipped', 'failed', 'cancelled'];
    const leaving = Object.entries(STEP_TRANSITIONS).filter(([, { from }]) =>
      from.some((status) => settled.includes(status)),
    );
    expect(leaving.map(([name]) => name)).toEqual(['reset', 'resetBlocked']);
  });

  it('never make a step that runs run a second time', () => {
    const claiming = Object.values(STEP_TRANSITIONS).filter(({ to }) => to === 'processing');
    expect(claiming).toEqual([{ from: ['queued'], to: 'processing' }]);
  });

  it('know what has ended and what its dependents may build on', () => {
    expect(JOB_STATUSES.filter(isJobSettled)).toEqual(['completed', 'failed', 'cancelled']);
    expect(STEP_STATUSES.filter(isStepDone)).toEqual(['completed', 'skipped']);
  });

  it('write the status only where it is one that the table allows, whatever the caller asks for', async () => {
    const query = jest.fn().mockResolvedValue([{ id: 'a' }]);
    const tx = { query, execute: jest.fn() } as unknown as Tx;
    await moveSteps(tx, 'claim', { where: 'id = $1', params: ['a'], set: 'attempt = attempt + 1' });
    const [sql, params] = query.mock.calls[0] as [string, unknown[]];
    expect(sql).toContain('SET status = $2, updated_at = now(), attempt = attempt + 1');
    expect(sql).toContain('WHERE status = ANY($3) AND (id = $1)');
    expect(params).toEqual(['a', 'processing', ['queued']]);
  });

  it('answer undefined when somebody else was first', async () => {
    const tx = { query: jest.fn().mockResolvedValue([]), execute: jest.fn() } as unknown as Tx;
    expect(await moveJob(tx, 'cancel', { where: 'id = $1', params: ['a'] })).toBeUndefined();
  });
});
