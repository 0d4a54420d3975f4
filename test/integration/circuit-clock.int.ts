import { ADMIT_LUA, RECORD_LUA } from '../../src/pipeline/breaker/breaker.lua';
import { eventually } from '../support/eventually';
import { redisForTest, type TestRedis } from '../support/redis';

const HOUR_MS = 3_600_000;
const RULES = {
  window_ms: 60_000,
  volume: 2,
  failure_percent: 50,
  slow_call_ms: 1_000,
  slow_percent: 100,
  open_ms: 50,
  max_open_ms: 50,
  probe_ms: 50,
};

describe("a circuit, after Redis' clock was set back by an hour", () => {
  let redis: TestRedis;
  let circuit: string;
  let results: string;

  beforeEach(() => {
    redis = redisForTest();
    [circuit, results] = [`${redis.prefix}:circuit`, `${redis.prefix}:results`];
  });
  afterEach(() => redis.close());

  const run = async (script: string, ...args: string[]) =>
    ((await redis.client.eval(script, 2, circuit, results, ...args)) as unknown[]).map(String);
  const admit = async () => {
    const [refused, probes, state, , rest, , , , change] = await run(
      ADMIT_LUA,
      'call',
      JSON.stringify(RULES),
    );
    return { refused: refused === '1', probes: probes === '1', state, rest: Number(rest), change };
  };
  const before = async (): Promise<number> => {
    const [seconds] = await redis.client.time();
    return Number(seconds) * 1000 + HOUR_MS;
  };

  it('rests from then on for as long as it was to, however often it is asked', async () => {
    await redis.client.hset(circuit, {
      state: 'open',
      epoch: 1,
      opened_at: await before(),
      open_ms: 50,
      trips: 1,
    });
    expect(await admit()).toMatchObject({ refused: true, state: 'open' });
    expect((await admit()).rest).toBeLessThanOrEqual(50);
    await eventually(async () => expect(await admit()).toMatchObject({ refused: false, probes: true }));
  });

  it('waits no longer for a probe than one may take', async () => {
    const pending = { state: 'probing', epoch: 2, probe: 'gone', probe_until: await before(), trips: 1 };
    await redis.client.hset(circuit, pending);
    expect(await admit()).toMatchObject({ refused: true, state: 'probing' });
    await eventually(async () => expect(await admit()).toMatchObject({ refused: true, change: 'opened' }));
    await eventually(async () => expect(await admit()).toMatchObject({ refused: false, probes: true }));
  });

  it('counts no failures of the hour that comes again', async () => {
    const at = await before();
    for (const process of ['a', 'b'])
      await redis.client.hset(results, { [`${at}|${process}|all`]: 9, [`${at}|${process}|bad`]: 9 });
    const recorded = await run(RECORD_LUA, 'c', '0', '3', '0', '0', JSON.stringify(RULES));
    expect(recorded[0]).toBe('closed');
    expect(await redis.client.hvals(results)).toEqual(['3']);
  });
});
