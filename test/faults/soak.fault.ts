import { report } from '../soak/report';
import { runSoak } from '../soak/run';

describe('when subscribers and processes come and go', () => {
  // The long form is `npm run soak`.
  it('every subscriber hears every event once, and all have the same state', async () => {
    const seed = Date.now() % 1_000_000;
    process.stderr.write(`soak: seed ${seed}\n`);
    const plan = { subscribers: 60, clients: 2, workers: 0, managers: 1, seed, say: () => undefined };
    const times = { durationMs: 12_000, killEveryMs: 3_500 };
    const result = await runSoak({ ...plan, ...times }, new AbortController().signal);
    process.stderr.write(`${report(result)}\n`);
    expect(result.violations).toEqual([]);
    expect(result.kills.length).toBeGreaterThan(0);
    const state = result.topics.find(({ topic }) => topic === 'ssot');
    expect(state?.published).toBeGreaterThan(5);
    expect(state?.resumed).toBeGreaterThan(10);
  }, 120_000);
});
