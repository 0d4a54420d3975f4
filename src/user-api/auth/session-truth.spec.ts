import type { MessageBus } from '../../platform/messages/message-bus';
import type { Db } from '../../platform/postgres/db';
import { SessionTruth } from './session-truth';

const ROW = { user_id: 'u', email: 'u@example.test', role: 'admin' };

describe('what is known of sessions', () => {
  let now: number;
  /** What Postgres was asked and has not answered. */
  let asked: ((rows: object[]) => void)[];
  let truth: SessionTruth;

  beforeEach(async () => {
    [now, asked] = [1_000, []];
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const db = { query: () => new Promise((resolve) => asked.push(resolve)) };
    truth = new SessionTruth(db as unknown as Db, {} as MessageBus);
    const found = truth.find('s', 'u');
    await answer([ROW]);
    await found;
  });
  afterEach(() => jest.restoreAllMocks());

  async function answer(rows: object[]): Promise<void> {
    asked.shift()?.(rows);
    await new Promise((resolve) => setImmediate(resolve));
  }

  const known = () => truth.known('s', 'u')?.role;

  it('counts for a second', () => {
    now += 999;
    expect([known(), truth.known('s', 'another')]).toEqual(['admin', undefined]);
    now += 1;
    expect(known()).toBeUndefined();
  });

  it('is asked anew, once, while it still counts, so that nobody waits', async () => {
    now += 500;
    known();
    expect(asked).toHaveLength(0);
    now += 200;
    expect([known(), known()]).toEqual(['admin', 'admin']);
    expect(asked).toHaveLength(1);
    now += 200;
    await answer([{ ...ROW, role: 'user' }]);
    expect(known()).toBe('user');
    // A second from when it was asked, and not from when it was answered.
    now += 799;
    expect(known()).toBe('user');
    now += 1;
    expect(known()).toBeUndefined();
  });

  it('ends with a session that has ended, and is not brought back by what was read before', async () => {
    now += 700;
    known();
    await answer([]);
    expect(known()).toBeUndefined();

    const found = truth.find('t', 'u');
    await answer([ROW]);
    await found;
    now += 700;
    expect(truth.known('t', 'u')).toBeDefined();
    truth.forget('t');
    await answer([ROW]);
    expect(truth.known('t', 'u')).toBeUndefined();
  });
});
