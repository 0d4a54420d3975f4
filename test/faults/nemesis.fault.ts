import { eachOnce, FAULTS } from '../nemesis/faults/nemesis';
import { report } from '../nemesis/report';
import { runNemesis } from '../nemesis/run';

/** More than it takes to break everything once, in milliseconds. */
const STORM_MS = 120_000;

describe('when everything is broken once while clients are at work', () => {
  it.each([20_261])(
    'nothing is doubled, lost or off the record (seed %d)',
    async (seed) => {
      const plan = { clients: 12, seed, stormMs: STORM_MS, faults: eachOnce, say: () => undefined };
      const result = await runNemesis(plan, new AbortController().signal);
      process.stderr.write(`${report(result)}\n`);
      expect(result.violations).toEqual([]);
      // Something was broken, and something was done.
      expect(result.evidence.faults.length).toBeGreaterThanOrEqual(FAULTS.length - 2);
      expect(result.evidence.effects.length).toBeGreaterThan(50);
    },
    300_000,
  );
});
