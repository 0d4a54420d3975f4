import { setTimeout as delay } from 'node:timers/promises';
import type { Arena } from '../../nemesis/arena/arena';
import { check } from '../../nemesis/checker/check';
import type { PersistentClient } from '../../nemesis/client';
import { gather } from '../../nemesis/evidence';
import { type Attempt, type History, type Order, verdictOf } from '../../nemesis/history';
import { AT_ONCE, type Moment, MOMENTS } from '../../nemesis/kills/moments';
import type { Trap } from '../../nemesis/kills/trap';
import { Random } from '../../nemesis/random';
import type { Scene } from '../../nemesis/run';
import type { JobStock } from '../../nemesis/workload/job-stock';
import { cancelOrders, retryOrders, toggleOrders } from '../../nemesis/workload/sync-orders';
import { eventually } from '../../support/eventually';
import type { HttpClient } from '../../support/http-client';

/** How many ask again for each action, of which there are three at a time. */
const CALLERS = 10;
/** How long a caller keeps asking, in milliseconds. */
const ANSWERED_WITHIN_MS = 60_000;
/** In which what was sent has surely arrived, in milliseconds; if not, it ends in the same way. */
const ARRIVED_MS = 200;
/** Between two tries of a caller, in milliseconds: together, so that they compete. */
const AGAIN_MS = 700;

/** What becomes of actions when one of three apis is killed in the middle of them. */
export function kills(scene: () => Scene): void {
  const giveUp = new AbortController();
  let arena: Arena;
  let history: History;
  let stock: JobStock;
  let admin: HttpClient[];
  let client: PersistentClient;
  let victim = 0;

  beforeAll(async () => {
    const { clients } = ({ arena, history } = scene());
    ({ apis: admin } = await arena.person('admin'));
    client = clients.again(0, new Random(1), giveUp.signal);
    ({ stock } = clients);
  });

  it.each(MOMENTS)('$name leaves each action to be done once, and whole on record', async (moment) => {
    const trap = await moment.trap(arena);
    try {
      await killAt(moment, trap);
    } finally {
      await trap.remove();
    }
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

  /** Kills a process that stands there with an action of each sort, and has those asked for again at the others. */
  async function killAt(moment: Moment, trap: Trap): Promise<void> {
    victim = (victim + 1) % 3;
    const process = arena.apis[victim];
    if (!process) throw new Error(`there is no api ${victim}`);
    await arena.ready();
    const others = [0, 1, 2].filter((api) => api !== victim);
    const orders = await place(MOMENTS.indexOf(moment));
    const standing = moment.holdsOne ? orders.slice(0, 1) : orders;
    const behind = orders.slice(standing.length);
    await trap.set();
    const askedAt = Date.now();
    const lost = standing.map((order) => client.ask(order, victim));
    await trap.caught(
      standing.map(({ key }) => key),
      process,
    );
    lost.push(...behind.map((order) => client.ask(order, victim)));
    if (behind.length > 0) await delay(ARRIVED_MS);
    await process.kill();
    await trap.release();
    for (const { status } of await Promise.all(lost)) expect(status).toBeNull();

    const answers = await Promise.all(orders.map((order) => askAgain(order, others)));
    for (const [index, order] of orders.entries()) {
      const expected = standing.includes(order) ? moment.ends(order) : AT_ONCE;
      const trail = await trailOf(order);
      expect(trail.map(({ outcome }) => outcome)).toEqual(expected.outcomes);
      expectOneAnswer(answers[index] ?? [], expected.status);
      // Nobody begins anew before the claim of the dead process has run out.
      const [, takenOver] = trail.filter(({ outcome }) => outcome === 'pending');
      if (takenOver) expect(takenOver.at - askedAt).toBeGreaterThanOrEqual(arena.leaseS * 1_000);
    }
  }

  /** An action of each sort that has not been asked for yet, beginning with another sort each time. */
  async function place(first: number): Promise<Order[]> {
    const makers = [retryOrders(stock), toggleOrders(), cancelOrders(stock)];
    const orders: Order[] = [];
    for (let i = 0; i < makers.length; i++) {
      const maker = makers[(first + i) % makers.length];
      if (maker) orders.push(await maker.make(0, new Random(1)));
    }
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
}
