import type { LiveFeed } from '../../platform/feed/live-feed';
import type { MessageBus } from '../../platform/messages/message-bus';
import type { Db } from '../../platform/postgres/db';
import type { SharedCircuit } from './circuit-store';
import { CircuitEvents } from './circuit-events';

const OPENED: SharedCircuit = {
  dependency: 'postgres',
  state: 'open',
  epoch: 7,
  restMs: 5_000,
  trips: 1,
  forced: null,
  openUntil: 0,
};

function setUp() {
  const stored: unknown[][] = [];
  const state = { away: false, alerts: [] as object[], messages: [] as string[] };
  const db = {
    execute: (_sql: string, params: unknown[]) => {
      if (state.away) return Promise.reject(new Error('Postgres is away'));
      stored.push(params);
      return Promise.resolve(1);
    },
  } as unknown as Db;
  const feed = {
    publish: (_topic: string, alert: object) => Promise.resolve(state.alerts.push(alert)),
  } as unknown as LiveFeed;
  const bus = {
    publish: (kind: string) => Promise.resolve(state.messages.push(kind)),
  } as unknown as MessageBus;
  const events = new CircuitEvents(db, feed, bus);
  Object.assign(events, { log: { log: () => undefined, warn: () => undefined, error: () => undefined } });
  return { stored, state, events };
}

describe('a change of a circuit', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is told to operators, to processes and to the read model', async () => {
    const { events, state, stored } = setUp();
    events.changed(OPENED, 'opened');
    await jest.advanceTimersByTimeAsync(0);
    expect(state.messages).toEqual(['circuit.changed', 'ssot.invalidate']);
    expect(state.alerts).toMatchObject([
      { kind: 'circuit_opened', dependency: 'postgres', retry_in_ms: 5_000 },
    ]);
    expect(stored).toHaveLength(1);
  });

  it('that is only a try is told to processes alone', async () => {
    const { events, state, stored } = setUp();
    events.changed(OPENED, 'probing');
    await jest.advanceTimersByTimeAsync(0);
    expect([state.messages, state.alerts, stored]).toEqual([['circuit.changed'], [], []]);
  });

  it('of Postgres is recorded when that is back, with the time at which it was, in order', async () => {
    const { events, state, stored } = setUp();
    state.away = true;
    const at = new Date();
    events.changed(OPENED, 'opened');
    await jest.advanceTimersByTimeAsync(5_000);
    events.changed({ ...OPENED, state: 'closed' }, 'closed');
    await jest.advanceTimersByTimeAsync(5_000);
    expect(stored).toEqual([]);
    state.away = false;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(stored.map((row) => row[3])).toEqual(['circuit.opened', 'circuit.closed']);
    expect(stored[0]?.[1]).toEqual(at);
  });
});
