import { Arena } from '../nemesis/arena/arena';
import { eachOnce, FAULTS } from '../nemesis/faults/nemesis';
import { History } from '../nemesis/history';
import { openLedger } from '../nemesis/ledger';
import { report } from '../nemesis/report';
import { breakAndCheck, type Scene } from '../nemesis/run';
import { Clients } from '../nemesis/workload/clients';
import { kills } from './cases/kills';

const CLIENTS = 12;
/** More than it takes to break everything once, in milliseconds. */
const STORM_MS = 120_000;

describe('the pipeline of actions', () => {
  let scene: Scene;

  beforeAll(async () => {
    const arena = await Arena.start({ apis: 3, managers: 1, workers: 0, leaseS: 3 });
    const history = new History();
    scene = { arena, history, clients: await Clients.prepare(arena, CLIENTS, history) };
    await openLedger(arena.query);
  });
  afterAll(() => scene?.arena.stop());

  describe('when an api is killed', () => kills(() => scene));

  it.each([20_261])(
    'doubles and loses nothing, and leaves nothing off the record, when everything is broken once (seed %d)',
    async (seed) => {
      await scene.arena.grow({ managers: 1, workers: 1 });
      const plan = { clients: CLIENTS, seed, stormMs: STORM_MS, faults: eachOnce, say: () => undefined };
      const result = await breakAndCheck(plan, scene, new AbortController().signal);
      process.stderr.write(`${report(result)}\n`);
      expect(result.violations).toEqual([]);
      // Something was broken, and something was done.
      expect(result.evidence.faults.length).toBeGreaterThanOrEqual(FAULTS.length - 2);
      expect(result.evidence.effects.length).toBeGreaterThan(70);
    },
    300_000,
  );
});
