import type { MessageBus, Messages } from '../../platform/messages/message-bus';
import type { Db } from '../../platform/postgres/db';
import { SessionTruth } from './session-truth';

const ROW = { user_id: 'u', email: 'u@example.test', role: 'admin' };

describe('what is known of sessions', () => {
  let now: number;
  /** What Postgres was asked and has not answered. */
  let asked: ((rows: object[] | Promise<never>) => void)[];
  let bus: { session: number | undefined; on: (kind: string, handler: (payload: object) => void) => void };
  let handlers: Map<string, (payload: object) => void>;
  let truth: SessionTruth;

  beforeEach(async () => {
    [now, asked] = [1_000, []];
    handlers = new Map();
    bus = { session: 1, on: (kind, handler) => handlers.set(kind, handler) };
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const db = { query: () => new Promise((resolve) => asked.push(resolve)) };
    truth = new SessionTruth(db as unknown as Db, bus as unknown as MessageBus);
    truth.onModuleInit();
    const found = truth.find('s', 'u');
    await answer([ROW]);
    await found;
  });
  afterEach(() => jest.restoreAllMocks());

  async function answer(rows: object[] | Promise<never>): Promise<void> {
    asked.shift()?.(rows);
    await new Promise((resolve) => setImmediate(resolve));
  }

  function hear<K extends keyof Messages>(kind: K, payload: Messages[K]): void {
    handlers.get(kind)?.(payload);
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

  it('counts no more as soon as it is heard that the session ended or its user changed', async () => {
    for (const end of [
      () => hear('session.revoked', { session_id: 's' }),
      () => hear('user.changed', { user_id: 'u' }),
    ]) {
      hear('session.revoked', { session_id: 'another' });
      hear('user.changed', { user_id: 'another' });
      expect(known()).toBe('admin');
      end();
      expect(known()).toBeUndefined();
      const found = truth.find('s', 'u');
      await answer([ROW]);
      expect((await found)?.role).toBe('admin');
    }
  });

  describe('while Postgres is away', () => {
    const away = () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }));

    async function last(error = away, meanwhile = () => {}): Promise<string | undefined> {
      now += 2_000;
      const found = truth.findOrLast('s', 'u', 10_000).then(
        (live) => live?.role,
        (thrown: Error) => thrown.message,
      );
      meanwhile();
      await answer(error());
      return found;
    }

    it('is what it last said, for as long as whoever asks allows, and for nobody else', async () => {
      expect([await last(), await last(), await last(), await last()]).toEqual(Array(4).fill('admin'));
      const found = truth.find('s', 'u').catch((error: Error) => error.message);
      await answer(away());
      expect(await found).toBe('away');
      expect(await last()).toBe('away');
    });

    it('is nothing for another error, or once a message may have been missed', async () => {
      expect(await last(() => Promise.reject(new Error('a fault')))).toBe('a fault');
      expect(await last()).toBe('admin');
      bus.session = undefined;
      expect(await last()).toBe('away');
      bus.session = 2;
      expect(await last()).toBe('away');
    });

    it('is nothing once the session was forgotten, if only while it was asked for', async () => {
      expect(await last(away, () => truth.forget('s'))).toBe('away');
      expect(await last()).toBe('away');
    });

    it('is nothing once Postgres has said that the session ended', async () => {
      now += 2_000;
      const found = truth.find('s', 'u');
      await answer([]);
      expect(await found).toBeUndefined();
      expect(await last()).toBe('away');
    });
  });
});
