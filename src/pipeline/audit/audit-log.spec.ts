import type { PersonalFields } from './subjects/personal-fields';
import type { Db } from '../../platform/postgres/db';
import { type AuditEntry, auditEntry, storableText } from './audit-entry';
import { AuditLog } from './audit-log';

const denial = (action: string, trace: string): AuditEntry =>
  auditEntry({
    phase: 'denial',
    outcome: 'denied',
    actor_id: 'u1',
    action,
    error_code: 'FORBIDDEN',
    trace_id: trace,
  });

/** A detail that Postgres does not take. */
const POISON = 'poison';

describe('denials', () => {
  let written: AuditEntry[];
  let failing: boolean;
  /** What is written arrives when this resolves. */
  let arrives: Promise<void>;
  let log: AuditLog;

  beforeEach(() => {
    jest.useFakeTimers();
    written = [];
    failing = false;
    arrives = Promise.resolve();
    const execute = async (_sql: string, [json]: string[]): Promise<number> => {
      if (failing) throw Object.assign(new Error('Postgres is away'), { code: 'ECONNREFUSED' });
      const entries = JSON.parse(json ?? '[]') as AuditEntry[];
      if (entries.some(({ detail }) => detail === POISON))
        throw new Error('unsupported Unicode escape sequence');
      await arrives;
      written.push(...entries);
      return 1;
    };
    log = new AuditLog({ execute } as unknown as Db, { seal: <T>(entry: T): T => entry } as PersonalFields);
    // Its own complaints are part of the test, not of the output.
    Object.assign(log, { log: { error: () => undefined } });
  });
  afterEach(() => jest.useRealTimers());

  const total = () => written.reduce((sum, entry) => sum + entry.count, 0);

  it('get an entry each', async () => {
    for (const trace of ['a', 'b', 'c']) log.denied(denial('job.cancel', trace));
    await jest.advanceTimersByTimeAsync(150);
    expect(written.map((entry) => entry.trace_id)).toEqual(['a', 'b', 'c']);
  });

  it('in a flood are a few entries that count all of them', async () => {
    for (let i = 0; i < 10_000; i++) log.denied(denial('job.cancel', `t${i}`));
    await jest.advanceTimersByTimeAsync(11_000);
    expect(written.length).toBeLessThan(10);
    expect(total()).toBe(10_000);
  });

  it('in a flood are counted when it is over, whatever the clock of the day says meanwhile', async () => {
    for (let i = 0; i < 100; i++) log.denied(denial('job.cancel', `t${i}`));
    jest.setSystemTime(Date.now() - 3_600_000);
    await jest.advanceTimersByTimeAsync(11_000);
    expect(total()).toBe(100);
  });

  it('of many kinds at once are bounded, too', async () => {
    for (let i = 0; i < 50_000; i++) log.denied(denial(`action.n${i}`, `t${i}`));
    await jest.advanceTimersByTimeAsync(11_000);
    expect(written.length).toBeLessThan(1_100);
    expect(total()).toBe(50_000);
  });

  it('of many kinds are bounded however long Postgres is away, and all of them counted', async () => {
    failing = true;
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 600; i++) log.denied(denial(`action.n${i % 300}`, `t${round}`));
      await jest.advanceTimersByTimeAsync(11_000);
    }
    failing = false;
    await jest.advanceTimersByTimeAsync(15_000);
    expect(total()).toBe(rounds * 600);
    // Of each kind five, and one that has the number of the others.
    expect(written.length).toBeLessThanOrEqual(300 * 6);
  });

  it('that are held when the process stops are written, also after Postgres was away', async () => {
    failing = true;
    for (let i = 0; i < 20; i++) log.denied(denial('job.cancel', `t${i}`));
    await jest.advanceTimersByTimeAsync(1_000);
    failing = false;
    await log.beforeApplicationShutdown();
    expect(total()).toBe(20);
  });

  it('are counted apart where they are of another kind, or of somebody who had another role', async () => {
    const others = [{}, { kind: 'preview' }, { actor_role: 'operator' }] as const;
    // The second half finds no place among the different keys of the window.
    for (const fill of [0, 2_000]) {
      for (let i = 0; i < fill; i++) log.denied(denial(`action.n${i}`, 'fill'));
      const action = `job.cancel.${fill}`;
      for (let i = 0; i < 50; i++)
        for (const [n, other] of others.entries())
          if (i < 20 + 10 * n) log.denied({ ...denial(action, `t${i}`), actor_id: `u${fill}`, ...other });
    }
    await jest.advanceTimersByTimeAsync(11_000);
    const counts = (kind: string, role: string | null) =>
      written
        .filter((entry) => entry.kind === kind && entry.actor_role === role)
        .reduce((sum, { count }) => sum + count, 0);
    expect([counts('act', null), counts('preview', null), counts('act', 'operator')]).toEqual([
      2_040, 60, 80,
    ]);
  });

  it('are alike from a whole /64 of IPv6, which one machine has', async () => {
    for (let i = 0; i < 1_000; i++)
      log.denied({ ...denial('job.cancel', `t${i}`), ip: `2001:db8:1:2::${i.toString(16)}` });
    log.denied({ ...denial('job.cancel', 'other'), ip: '2001:db8:1:3::1' });
    await jest.advanceTimersByTimeAsync(11_000);
    expect(written).toHaveLength(7);
    expect(total()).toBe(1_001);
  });

  it('wait for Postgres to come back', async () => {
    failing = true;
    log.denied(denial('job.cancel', 'a'));
    await jest.advanceTimersByTimeAsync(500);
    expect(written).toEqual([]);
    failing = false;
    await jest.advanceTimersByTimeAsync(2_000);
    expect(written).toHaveLength(1);
  });

  it('are not kept from being recorded by one that Postgres does not take', async () => {
    const traces = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    for (const trace of traces)
      log.denied({ ...denial(`job.${trace}`, trace), detail: trace === 'e' ? POISON : trace });
    await jest.advanceTimersByTimeAsync(150);
    expect(written.map(({ trace_id, detail }) => [trace_id, detail])).toEqual(
      traces.map((trace) => [trace, trace === 'e' ? null : trace]),
    );
  });

  it('are written before the process stops', async () => {
    for (let i = 0; i < 100; i++) log.denied(denial('job.cancel', `t${i}`));
    await log.beforeApplicationShutdown();
    expect(total()).toBe(100);
  });

  it('that come while the process stops are written before Postgres is let go of', async () => {
    await log.beforeApplicationShutdown();
    for (let i = 0; i < 100; i++) log.denied(denial('job.cancel', `t${i}`));
    await log.onApplicationShutdown();
    expect(total()).toBe(100);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('that are on their way to Postgres are waited for when the process stops', async () => {
    let arrive: () => void = () => undefined;
    arrives = new Promise((resolve) => (arrive = resolve));
    log.denied(denial('job.cancel', 'a'));
    await jest.advanceTimersByTimeAsync(150);
    let stopped = false;
    const stopping = log.beforeApplicationShutdown().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(10);
    expect([stopped, total()]).toEqual([false, 0]);
    arrive();
    await stopping;
    expect(total()).toBe(1);
  });
});

describe('text from outside', () => {
  it('is stored on one line, without control characters, not endlessly', () => {
    expect(storableText('a\r\nb\u2028c\u001b[31md\0')).toBe('a\ufffd\ufffdb\ufffdc\ufffd[31md\ufffd');
    expect(storableText('\ud800')).toBe('\ufffd');
    expect(storableText('x'.repeat(10_000))).toHaveLength(500);
    expect(storableText('xyz', 2)).toBe('xy');
    expect(storableText('agent (password=hunter2) 1.0')).toBe('agent (password=[masked]) 1.0');
    expect(storableText('Firefox/1.2.3.4')).toBe('Firefox/1.2.3.4');
    expect(storableText(null)).toBeNull();
  });

  // Half of a pair is what Postgres takes in no JSON.
  it('is cut between characters, of which it keeps as many as a field may have', () => {
    const text = `a${'\u{1f600}'.repeat(250)}`;
    expect(storableText(text)).toBe(text);
    expect(storableText(`a${'\u{1f600}'.repeat(600)}`)).toBe(`a${'\u{1f600}'.repeat(499)}`);
    expect(storableText(`${'a'.repeat(99)}\u{1f600}b`, 100)).toBe(`${'a'.repeat(99)}\u{1f600}`);
    for (let i = 0; i < 8; i++) {
      const long = `${'x'.repeat(i)} password=${'p'.repeat(40)} ${'\u{1f600}'.repeat(2_000)}`;
      expect(storableText(long).isWellFormed()).toBe(true);
    }
  });
});
