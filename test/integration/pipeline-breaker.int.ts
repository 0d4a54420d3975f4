import { AppError } from '../../src/platform/errors/app-error';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { CIRCUIT_RULES, CircuitStore, type Permit } from '../../src/pipeline/breaker/circuit-store';
import { eventually } from '../support/eventually';
import { redisForTest, type TestRedis } from '../support/redis';

const RULES = { ...CIRCUIT_RULES, volume: 4, openMs: 300, maxOpenMs: 2_000, probeMs: 400 };

describe('a shared circuit', () => {
  let redis: TestRedis;
  let one: CircuitStore;
  let other: CircuitStore;
  let turn = 0;

  const storeOf = (prefix: string): CircuitStore =>
    new CircuitStore({
      client: redis.client,
      key: (...parts: string[]) => [prefix, ...parts].join(':'),
    } as unknown as RedisService);

  beforeAll(() => {
    redis = redisForTest();
  });
  beforeEach(() => {
    // Two processes, and a circuit of its own for each test.
    const prefix = `${redis.prefix}:${++turn}`;
    one = storeOf(prefix);
    other = storeOf(prefix);
  });
  afterAll(() => redis.close());

  async function permit(store: CircuitStore): Promise<Permit> {
    const verdict = await store.admit(['postgres'], RULES);
    const [first] = 'permits' in verdict ? verdict.permits : [];
    if (!first) throw new AppError('CIRCUIT_OPEN');
    return first;
  }
  const isOpen = async (store: CircuitStore) => 'refusedBy' in (await store.admit(['postgres'], RULES));
  async function trip(): Promise<void> {
    for (let i = 0; i < RULES.volume; i++) await one.record(await permit(one), 'bad', RULES);
  }
  const state = async () => (await one.states(['postgres']))[0];
  const becomesReady = () =>
    eventually(async () => expect((await state())?.retryInMs).toBe(0), { intervalMs: 10 });

  it('opens for all processes with the volume reached, and not one before', async () => {
    for (let i = 0; i < RULES.volume - 1; i++) await one.record(await permit(one), 'bad', RULES);
    expect(await isOpen(other)).toBe(false);
    await one.record(await permit(other), 'bad', RULES);
    expect(await isOpen(other)).toBe(true);
    const refused = await other.admit(['postgres'], RULES);
    expect(refused).toMatchObject({ refusedBy: 'postgres' });
  });

  it('opens at the share exactly, over what all processes saw', async () => {
    for (const result of ['good', 'bad', 'good'] as const) await one.record(await permit(one), result, RULES);
    expect(await isOpen(one)).toBe(false);
    await other.record(await permit(other), 'bad', RULES);
    expect(await isOpen(one)).toBe(true);
  });

  it('is not opened by what says nothing about the dependency', async () => {
    for (let i = 0; i < 50; i++) await one.record(await permit(one), 'none', RULES);
    expect(await isOpen(one)).toBe(false);
  });

  it('lets one probe through over all processes', async () => {
    await trip();
    await becomesReady();
    const verdicts = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? one : other).admit(['postgres'], RULES)),
    );
    const admitted = verdicts.filter((verdict) => 'permits' in verdict);
    expect(admitted).toHaveLength(1);
    expect(admitted[0]).toMatchObject({ permits: [{ probe: true }] });
  });

  it('closes after a probe that succeeds, with nothing remembered', async () => {
    await trip();
    await becomesReady();
    await other.record(await permit(other), 'good', RULES);
    expect((await state())?.state).toBe('closed');
    for (let i = 0; i < RULES.volume - 1; i++) await one.record(await permit(one), 'bad', RULES);
    expect(await isOpen(one)).toBe(false);
  });

  it('opens again after a probe that fails, for longer', async () => {
    await trip();
    const first = (await state())?.retryInMs ?? 0;
    await becomesReady();
    await one.record(await permit(one), 'bad', RULES);
    const second = (await state())?.retryInMs ?? 0;
    expect(first).toBeLessThanOrEqual(RULES.openMs);
    expect(second).toBeGreaterThan(RULES.openMs);
    expect(second).toBeLessThanOrEqual(RULES.openMs * 2);
  });

  it('opens again after a probe that never comes back', async () => {
    await trip();
    await becomesReady();
    const lost = await permit(one);
    await eventually(async () =>
      expect((await other.admit(['postgres'], RULES)) as object).toHaveProperty('retryInMs'),
    );
    await eventually(async () => {
      await other.admit(['postgres'], RULES);
      expect((await state())?.state).toBe('open');
    });
    expect(await one.record(lost, 'good', RULES)).toBe('open');
  });

  it('gives the probe back when that decided nothing', async () => {
    await trip();
    await becomesReady();
    await one.record(await permit(one), 'none', RULES);
    expect((await permit(other)).probe).toBe(true);
  });

  it('ignores what began before it opened', async () => {
    const early = await permit(one);
    await trip();
    await becomesReady();
    const probe = await permit(other);
    expect(await one.record(early, 'good', RULES)).toBe('probing');
    expect(await other.record(probe, 'bad', RULES)).toBe('open');
    expect(await one.record(early, 'good', RULES)).toBe('open');
  });

  it('does not touch others', async () => {
    await trip();
    expect(await one.admit(['queue'], RULES)).toHaveProperty('permits');
    expect(await one.admit(['queue', 'postgres'], RULES)).toMatchObject({ refusedBy: 'postgres' });
    // The refused call took no probe of the other one.
    expect((await one.states(['queue']))[0]).toMatchObject({ state: 'closed', epoch: 0 });
  });
});
