import { setTimeout as delay } from 'node:timers/promises';
import type { Arena, Person } from '../arena/arena';
import { PersistentClient } from '../client';
import type { History } from '../history';
import type { Random } from '../random';
import { forbiddenOrders, malformedOrders, previewOrders } from './harmless-orders';
import { JobStock } from './job-stock';
import { clearingOrders, exportOrders } from './operation-orders';
import type { OrderMaker } from './order-maker';
import { PARKED_QUEUES } from './parked-queues';
import { cancelOrders, retryOrders, switchOrders, toggleOrders } from './sync-orders';

/** Queues that are paused and resumed, each by a client of its own. */
const SWITCHED_QUEUES = ['scene-detector', 'audio-analyst', 'moment-selector', 'clip-renderer'];
/** The longest that a client thinks between two orders, in milliseconds. */
const THINK_MS = 250;
/** Between two looks at an operation, in milliseconds. */
const LOOK_MS = 300;

type Weighted = readonly (readonly [weight: number, maker: OrderMaker])[];

/** What a client orders: the first ones have something of their own, besides what all do. */
function assortment(client: number, stock: JobStock): Weighted {
  const common: Weighted = [
    [30, retryOrders(stock)],
    [12, toggleOrders()],
    [20, cancelOrders(stock)],
    [10, exportOrders()],
    [8, previewOrders()],
    [5, forbiddenOrders()],
    [3, malformedOrders()],
  ];
  const queue = SWITCHED_QUEUES[client];
  if (queue !== undefined) return [[90, switchOrders(queue)], ...common];
  return client === SWITCHED_QUEUES.length ? [[60, clearingOrders(stock)], ...common] : common;
}

/** The clients of a run, each with a user of its own. */
export class Clients {
  private constructor(
    private readonly history: History,
    private readonly people: readonly Person[],
    private readonly onlooker: Person,
    /** What their orders act on. */
    readonly stock: JobStock,
  ) {}

  /** Makes and signs in the users; pauses the queues whose jobs no worker is to take. */
  static async prepare(arena: Arena, count: number, history: History): Promise<Clients> {
    const people: Person[] = [];
    for (let i = 0; i < count; i++) people.push(await arena.person('admin'));
    const [first] = people;
    if (!first) throw new Error('A run needs at least one client');
    await arena.query('INSERT INTO queues (name, paused) SELECT unnest($1::text[]), true', [PARKED_QUEUES]);
    const stock = new JobStock(arena.query, first.user.id);
    return new Clients(history, people, await arena.person('readonly'), stock);
  }

  /** Lets all of them work until `until`; resolves when each has its last answer, or gave up. */
  async work(random: Random, { until, giveUp }: { until: AbortSignal; giveUp: AbortSignal }): Promise<void> {
    await Promise.all(
      this.people.map(async (person, number) => {
        const own = random.fork();
        const as = (who: Person) => new PersistentClient(number, who.apis, this.history, own, giveUp);
        const clients = { admin: as(person), readonly: as(this.onlooker) };
        const makers = assortment(number, this.stock);
        while (!until.aborted) {
          const maker = own.pickWeighted(makers);
          await place(clients[maker.as], maker, own);
          await delay(own.between(0, THINK_MS));
        }
      }),
    );
  }

  /** The client of this number, to ask for something again. */
  again(number: number, random: Random, giveUp: AbortSignal): PersistentClient {
    const person = this.people[number];
    if (!person) throw new Error(`There is no client ${number}`);
    return new PersistentClient(number, person.apis, this.history, random, giveUp);
  }
}

/** Places one order and follows it to its end. */
async function place(client: PersistentClient, maker: OrderMaker, random: Random): Promise<void> {
  const order = await maker.make(client.number, random);
  const final = await client.fulfil(order);
  if (final?.status !== 202 || final.executionId === null) return;
  while (!client.gaveUp) {
    const status = await client.statusOf(final.executionId);
    if (status !== undefined && status !== 'running') return;
    await delay(LOOK_MS);
  }
}
