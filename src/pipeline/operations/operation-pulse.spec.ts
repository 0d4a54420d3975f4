import type { LiveFeed } from '../../platform/feed/live-feed';
import { ClaimLost } from '../executions/lease-keeper';
import { OperationPulse } from './operation-pulse';
import type { OperationStore, TakenOperation } from './operation-store';

const LEASE_S = 3;
const operation = {
  claim: { executionId: 'e1', fence: 2 },
  action: 'test.count',
  actor: { userId: 'u1' },
  progress: { done: 0 },
} as unknown as TakenOperation;

describe('the pulse of an operation', () => {
  let abort: AbortController;
  let pulse: OperationPulse;
  let fail: (error: Error) => void = () => undefined;
  const publish = jest.fn<Promise<void>, [topic: string, data: { progress: object }]>();
  const begin = (beat: () => Promise<{ abortRequested: boolean } | undefined>) => {
    abort = new AbortController();
    const feed = { publish } as unknown as LiveFeed;
    pulse = new OperationPulse(operation, LEASE_S, abort, { beat } as unknown as OperationStore, feed);
  };

  beforeEach(() => {
    jest.useFakeTimers();
    publish.mockReset().mockResolvedValue();
  });
  afterEach(async () => {
    fail(new Error('Connection terminated unexpectedly'));
    await pulse.end();
    jest.useRealTimers();
  });

  it('ends the work when the claim has run out, also if Postgres does not even refuse to renew it', async () => {
    const beat = jest.fn(() => new Promise<undefined>((_resolve, reject) => (fail = reject)));
    begin(beat);
    await jest.advanceTimersByTimeAsync(LEASE_S * 1_000 - 1);
    expect(abort.signal.aborted).toBe(false);
    await jest.advanceTimersByTimeAsync(600);
    expect(abort.signal.reason).toBeInstanceOf(ClaimLost);
    expect(beat).toHaveBeenCalledTimes(1);
  });

  it('goes on while it is renewed, and through a failure that is shorter than the claim', async () => {
    const beat = jest.fn(() => Promise.resolve<{ abortRequested: boolean }>({ abortRequested: false }));
    begin(beat);
    await jest.advanceTimersByTimeAsync(LEASE_S * 5_000);
    beat.mockRejectedValueOnce(new Error('Connection terminated unexpectedly'));
    await jest.advanceTimersByTimeAsync(LEASE_S * 2_000);
    expect(abort.signal.aborted).toBe(false);
  });

  it('keeps the claim while Redis hangs, and tells how far it is when that is over', async () => {
    const beat = jest.fn(() => Promise.resolve({ abortRequested: false }));
    begin(beat);
    let answer: () => void = () => undefined;
    publish.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    await jest.advanceTimersByTimeAsync(LEASE_S * 3_000);
    expect(abort.signal.aborted).toBe(false);
    expect(beat.mock.calls.length).toBeGreaterThan(LEASE_S * 2);
    expect(publish).toHaveBeenCalledTimes(1);
    pulse.report({ done: 7 });
    answer();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(publish.mock.calls.at(-1)).toEqual([
      'executions',
      expect.objectContaining({ progress: { done: 7 } }),
    ]);
  });

  it('has told of the last progress when it has ended', async () => {
    begin(() => Promise.resolve({ abortRequested: false }));
    let answer: () => void = () => undefined;
    publish.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(publish).toHaveBeenCalledTimes(1);
    pulse.report({ done: 8 });
    const ended = pulse.end();
    answer();
    await ended;
    expect(publish.mock.calls.at(-1)).toEqual([
      'executions',
      expect.objectContaining({ progress: { done: 8 } }),
    ]);
  });
});
