import type { BulkVerdict } from '../../../media/jobs/bulk';
import { counted, NOTHING } from './bulk-tally';

describe('the tally of a bulk action', () => {
  it('counts all, by reason, and lists the first hundred of each in their order', () => {
    const verdicts = Array.from({ length: 450 }, (_, i): BulkVerdict => {
      if (i % 3 === 0) return { id: `j${i}`, outcome: i % 2 === 0 ? 'done' : 'stopping' };
      if (i % 3 === 1)
        return { id: `j${i}`, outcome: 'skipped', reason: i % 2 === 0 ? 'completed' : 'changed' };
      return { id: `j${i}`, outcome: 'failed', reason: 'INTERNAL_ERROR' };
    });
    const tally = counted(counted(NOTHING, verdicts.slice(0, 200)), verdicts.slice(200));
    expect(tally).toMatchObject({ done: 150, skipped: 150, failed: 150 });
    expect(tally.skipped_by_reason).toEqual({ completed: 75, changed: 75 });
    expect(tally.failed_by_reason).toEqual({ INTERNAL_ERROR: 150 });
    expect([tally.first_done.length, tally.first_skipped.length, tally.first_failed.length]).toEqual([
      100, 100, 100,
    ]);
    expect(tally.first_done.slice(0, 2)).toEqual(['j0', 'j3']);
    expect(tally.first_skipped[0]).toEqual({ job_id: 'j1', reason: 'changed' });
    expect(NOTHING.done).toBe(0);
  });
});
