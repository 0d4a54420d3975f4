import { setTimeout as delay } from 'node:timers/promises';
import { Arena } from '../nemesis/arena/arena';
import { check } from '../nemesis/checker/check';
import { PersistentClient } from '../nemesis/client';
import { gather } from '../nemesis/evidence';
import { type Attempt, History, type Order, verdictOf } from '../nemesis/history';
import { type Moment, MOMENTS } from '../nemesis/kills/moments';
import type { Trap } from '../nemesis/kills/trap';
import { openLedger } from '../nemesis/ledger';
import { Random } from '../nemesis/random';
import { JobStock } from '../nemesis/workload/job-stock';
import { cancelOrders, retryOrders, toggleOrders } from '../nemesis/workload/sync-orders';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';

/** How often a process is killed at each moment: once with each sort of action. */
const ROUNDS = 3;
/** How many ask again for each action. */
const CALLERS = 20;
/** How long a caller keeps asking, in milliseconds. */
const ANSWERED_WITHIN_MS = 30_000;
/** Between two tries of a caller, in milliseconds: together, so that they compete. */
const AGAIN_MS = 700;

describe('an api that is killed', () => {
  const history = new History();
  const giveUp = new AbortController();
  let arena: Arena;
  let stock: JobStock;
  let admin: HttpClient[];
  let client: PersistentClient;
  let victim = 0;

  beforeAll(async () => {
    arena = await Arena.start({ apis: 3, managers: 1, workers: 0, leaseS: 3 });
    const person = await arena.person('admin');
    admin = person.apis;
    client = new PersistentClient(0, person.apis, history, new Random(1), giveUp.signal);
    stock = new JobStock(arena.query, person.user.id);
    await openLedger(arena.query);
  });
  afterAll(() => arena?.stop());

  describe.each(MOMENTS)('$name', (moment) => {
    it('leaves each action to be done once, and whole on record', async () => {
      const trap = await moment.trap(arena);
      try {
        for (let round = 0; round < ROUNDS; round++) await killAt(moment, trap, round);
      } finally {
        await trap.remove();
      }
    });
  });

  it('between the commit and telling of it does not keep the read model from showing the effect', async () => {
    const [jobs] = await arena.query<{ queued: number; cancelled: number }>(
      `SELECT count(*) FILTER (WHERE status = 'queued') AS queued,
              count(*) FILTER (WHERE status = 'cancelled') AS cancelled FROM jobs`,
    );
    await eventually(
      async () => {
        const { data } = await readModel();
        expect(data.dashboard.jobs).toMatchObject({ queued: jobs?.queued, cancelled_24h: jobs?.cancelled });
      },
      { timeoutMs: 20_000, intervalMs: 250 },
    );
  });

  it('leaves nothing doubled, lost or off the record', async () => {
    await arena.ready();
    const { violations } = check(await gather(arena, history, stock.made));
    expect(violations).toEqual([]);
  });

  /** Kills a process that stands there with an action, and has that asked for again at the others. */
  async function killAt(moment: Moment, trap: Trap, sort: number): Promise<void> {
    const others = [0, 1, 2].filter((api) => api !== victim);
    const orders = await place(sort);
    await trap.set();
    const askedAt = Date.now();
    const lost = orders.map((order) => client.ask(order, victim));
    await trap.caught(orders.map(({ key }) => key));
    await arena.apis[victim]?.kill();
    await trap.release();
    for (const { status } of await Promise.all(lost)) expect(status).toBeNull();

    const answers = await Promise.all(orders.map((order) => askAgain(order, others)));
    for (const [index, order] of orders.entries()) {
      const expected = moment.ends(order);
      const trail = await trailOf(order);
      expect(trail.map(({ outcome }) => outcome)).toEqual(expected.outcomes);
      expectOneAnswer(answers[index] ?? [], expected.status);
      // Nobody begins anew before the claim of the dead process has run out.
      const [, takenOver] = trail.filter(({ outcome }) => outcome === 'pending');
      if (takenOver) expect(takenOver.at - askedAt).toBeGreaterThanOrEqual(arena.leaseS * 1_000);
    }
    victim = (victim + 1) % 3;
    await arena.apis[victim]?.ready();
  }

  /**
   * An action of a sort that has not been asked for yet. One at a time: what is recorded at the same time goes into
   * Postgres together, and would not stand at the same point.
   */
  async function place(sort: number): Promise<Order[]> {
    const makers = [retryOrders(stock), toggleOrders(), cancelOrders(stock)];
    const maker = makers[sort % makers.length];
    const orders = maker ? [await maker.make(0, new Random(1))] : [];
    history.orders.push(...orders);
    return orders;
  }

  /** All ask at the other processes until each has a final answer. */
  async function askAgain(order: Order, apis: readonly number[]): Promise<Attempt[]> {
    const deadline = Date.now() + ANSWERED_WITHIN_MS;
    const finals = await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        for (;;) {
          const attempt = await client.ask(order, apis[caller % apis.length] ?? 0);
          if (verdictOf(attempt) !== 'again' || Date.now() > deadline) return attempt;
          await delay(AGAIN_MS);
        }
      }),
    );
    order.closedAt = Date.now();
    return finals;
  }

  /** All got the same, and at most one of them got it first. */
  function expectOneAnswer(answers: readonly Attempt[], status: number): void {
    expect(answers).toHaveLength(CALLERS);
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed).length).toBeLessThanOrEqual(1);
  }

  /** What the audit says about it, with the times in milliseconds since the epoch. */
  async function trailOf({ key }: Order): Promise<{ outcome: string; at: number }[]> {
    return arena.query(
      `SELECT outcome, extract(epoch FROM at)::float8 * 1000 AS at FROM audit_entries a JOIN executions e ON e.id = a.execution_id
        WHERE e.idempotency_key = $1 ORDER BY seq`,
      [key],
    );
  }

  function readModel() {
    const [first] = admin;
    if (!first) throw new Error('there is no api');
    return first.get<{ dashboard: { jobs: object } }>('/api/admin/ssot');
  }
});
