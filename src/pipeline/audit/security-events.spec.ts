import { maskSecrets } from '../../platform/security/scrub-text';
import type { LiveFeed } from '../../platform/feed/live-feed';
import type { AuditEntry } from './audit-entry';
import type { AuditLog } from './audit-log';
import { type SecurityEvent, SecurityEvents } from './security-events';

const DENIED: SecurityEvent = {
  kind: 'ip_denied',
  message: 'From elsewhere.',
  userId: 'u1',
  origin: { traceId: 't0', ip: '203.0.113.9', userAgent: null },
};

interface Alert {
  kind: string;
  user_id: string | null;
  trace_id: string;
  count?: number;
}

describe('security events', () => {
  let alerts: Alert[];
  let lines: string[];
  let entries: AuditEntry[];
  let events: SecurityEvents;

  beforeEach(() => {
    jest.useFakeTimers();
    [alerts, lines, entries] = [[], [], []];
    const audit = { denied: (entry: AuditEntry) => entries.push(entry) } as unknown as AuditLog;
    const feed = {
      publish: (_topic: string, alert: Alert) => Promise.resolve(alerts.push(alert)),
    } as unknown as LiveFeed;
    events = new SecurityEvents(audit, feed);
    Object.assign(events, { log: { warn: (line: string) => lines.push(line) } });
  });
  afterEach(() => jest.useRealTimers());

  const from = (ip: string, n = 0): SecurityEvent => ({
    ...DENIED,
    origin: { traceId: `t${n}`, ip, userAgent: null },
  });
  const told = () => alerts.map(({ trace_id, count }) => [trace_id, count]);

  it('are told one by one as long as each is another', async () => {
    await events.record(DENIED);
    await events.record({ ...DENIED, userId: 'u2' });
    await events.record({ ...DENIED, kind: 'account_locked' });
    await events.alert({ ...DENIED, message: 'Something else.' });
    await events.alert(from('203.0.113.10'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(alerts).toHaveLength(5);
    expect(alerts.every(({ count }) => count === undefined)).toBe(true);
    expect(entries).toHaveLength(3);
  });

  it('in a flood are told at once, and then once a window with their number', async () => {
    for (let i = 0; i < 1_000; i++) await events.alert(from(`2001:db8:1:2::${i.toString(16)}`, i));
    expect(told()).toEqual([['t0', undefined]]);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(told().slice(1)).toEqual([['t999', 999]]);
    for (let i = 0; i < 50; i++) await events.alert(from('2001:db8:1:2::1', i));
    expect(alerts).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(told().slice(2)).toEqual([['t49', 50]]);
    // A window without any ends it.
    await jest.advanceTimersByTimeAsync(10_000);
    await events.alert(from('2001:db8:1:2::1', 7));
    expect(told().slice(3)).toEqual([['t7', undefined]]);
    expect(lines).toHaveLength(alerts.length);
  });

  it('from ever other places are bounded, too, and none is left out of the numbers', async () => {
    for (let i = 0; i < 5_000; i++) await events.record(from(`198.51.${i >> 8}.${i & 255}`, i));
    await jest.advanceTimersByTimeAsync(10_000);
    expect(alerts.length).toBeLessThan(25);
    expect(alerts.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(5_000);
    // Another kind is not drowned by them.
    await events.record({ ...DENIED, kind: 'audit_broken' });
    expect(alerts.at(-1)?.kind).toBe('audit_broken');
  });

  it('from ever other places are told one by one again, once that was over', async () => {
    for (let i = 0; i < 100; i++) await events.alert(from(`198.51.100.${i}`, i));
    await jest.advanceTimersByTimeAsync(30_000);
    const before = alerts.length;
    for (let i = 0; i < 10; i++) await events.alert(from(`203.0.113.${i}`, i));
    expect(told().slice(before)).toEqual(Array.from({ length: 10 }, (_, i) => [`t${i}`, undefined]));
  });

  it('that somebody was allowed to cause are each told', async () => {
    for (let i = 0; i < 50; i++) await events.record({ ...DENIED, kind: 'role_changed' });
    expect(alerts).toHaveLength(50);
  });

  it.each<SecurityEvent['kind']>(['refresh_token_reused', 'signing_key_added', 'password_set'])(
    'of the kind %s lose no word in the log, though their name is that of a secret',
    async (kind) => {
      await events.record({ ...DENIED, kind });
      expect(lines).toEqual([`From elsewhere. (${kind}, trace t0)`]);
      expect(maskSecrets(lines[0] ?? '', '[masked]')).toBe(lines[0]);
    },
  );

  it('that are held back are told before the process stops', async () => {
    for (let i = 0; i < 3; i++) await events.alert(from('203.0.113.9', i));
    events.beforeApplicationShutdown();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(told()).toEqual([
      ['t0', undefined],
      ['t2', 2],
    ]);
  });
});
