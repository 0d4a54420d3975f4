import { report } from '../soak/report';
import { runSoak } from '../soak/run';

describe('when subscribers and processes come and go', () => {
  // The long form is `npm run soak`.
  it('every subscriber hears every event once, all have the same state, and each job ends once', async () => {
    const seed = Date.now() % 1_000_000;
    process.stderr.write(`soak: seed ${seed}\n`);
    const plan = { subscribers: 60, clients: 2, workers: 1, managers: 1, seed, say: () => undefined };
    const jobs = { jobsAtOnce: 2, jobActEveryMs: 1_500 };
    const times = { durationMs: 15_000, killEveryMs: 4_000 };
    const result = await runSoak({ ...plan, ...jobs, ...times }, new AbortController().signal);
    process.stderr.write(`${report(result)}\n`);
    expect(result.violations).toEqual([]);
    expect(result.kills.length).toBeGreaterThan(0);
    const state = result.topics.find(({ topic }) => topic === 'ssot');
    expect(state?.published).toBeGreaterThan(5);
    expect(state?.resumed).toBeGreaterThan(10);
    // A worker ends first.
    expect(result.kills[0]).toBe('worker 1');
    expect(result.jobs.ended['completed']).toBeGreaterThan(0);
    expect(result.jobs.followed).toBeGreaterThan(0);
  }, 120_000);
});
