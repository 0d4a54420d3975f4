import { Logger } from '@nestjs/common';
import { traceFields } from '../platform/telemetry/trace-scope';
import { ControlLoopRunner } from './control-loop';
import type { ManagerRun } from './manager';

describe('ControlLoopRunner', () => {
  const log = new Logger('test');
  let starts: number[];
  let active: number;
  let most: number;
  let body: (run: ManagerRun) => Promise<void>;
  let loop: ControlLoopRunner;

  beforeEach(() => {
    jest.useFakeTimers();
    Logger.overrideLogger(false);
    starts = [];
    active = 0;
    most = 0;
    body = () => Promise.resolve();
    loop = new ControlLoopRunner(
      {
        name: 'example',
        intervalMs: 100,
        run: async (run) => {
          starts.push(Date.now());
          most = Math.max(most, ++active);
          try {
            await body(run);
          } finally {
            active--;
          }
        },
      },
      log,
    );
  });

  afterEach(() => {
    loop.resign('the test ends');
    jest.useRealTimers();
  });

  it('starts at once and then at its interval', async () => {
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(350);
    expect(starts.map((at) => at - (starts[0] ?? 0))).toEqual([0, 100, 200, 300]);
  });

  it('never overlaps runs: a long one delays the next', async () => {
    body = () => new Promise((resolve) => setTimeout(resolve, 250));
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(600);
    expect(most).toBe(1);
    // At 0, 250 and 500, not every 100 ms.
    expect(starts).toHaveLength(3);
  });

  it('gives each run a trace of its own', async () => {
    const ids: (string | undefined)[] = [];
    body = () => Promise.resolve(void ids.push(traceFields().trace_id));
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(250);
    expect(ids).toEqual(Array(3).fill(expect.stringMatching(/^[0-9a-f]{32}$/)));
    expect(new Set(ids).size).toBe(3);
  });

  it('survives runs that throw, and counts them', async () => {
    body = () => Promise.reject(new Error('no luck'));
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(250);
    expect(loop.takeTally()).toMatchObject({ runs: 3, failures: 3, lastError: 'no luck' });
    expect(loop.takeTally()).toBeUndefined();
  });

  it('tells of failures that stay the same once a minute, of others at once, and when they are over', async () => {
    const lines: string[] = [];
    jest.spyOn(log, 'error').mockImplementation((line: string) => void lines.push(line));
    jest.spyOn(log, 'log').mockImplementation((line: string) => void lines.push(line));
    body = () => Promise.reject(new Error('no luck'));
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(60_050);
    body = () => Promise.reject(new Error('no hope'));
    await jest.advanceTimersByTimeAsync(200);
    body = () => Promise.resolve();
    await jest.advanceTimersByTimeAsync(200);
    expect(lines).toEqual([
      'Leads example (fence 1)',
      'example failed: no luck',
      'example failed (601 times by now): no luck',
      'example failed: no hope',
      'example is well again, after 603 failures',
    ]);
  });

  it('aborts the run when the lead is lost, counts no failure, and starts no more', async () => {
    let seen: AbortSignal | undefined;
    body = ({ signal }) => {
      seen = signal;
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    };
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(10);
    loop.resign('another process leads');
    await jest.advanceTimersByTimeAsync(500);
    expect(seen?.aborted).toBe(true);
    expect(starts).toHaveLength(1);
    expect(loop.takeTally()?.failures).toBe(0);
  });

  it('waits for the run of an earlier lead before it runs under a new one', async () => {
    const fences: number[] = [];
    let end = (): void => undefined;
    body = ({ fence }) => {
      fences.push(fence);
      return fence === 1 ? new Promise((resolve) => (end = resolve)) : Promise.resolve();
    };
    loop.leadWith(1);
    await jest.advanceTimersByTimeAsync(10);
    loop.leadWith(2);
    await jest.advanceTimersByTimeAsync(300);
    expect(fences).toEqual([1]);
    end();
    await jest.advanceTimersByTimeAsync(10);
    expect(fences).toEqual([1, 2]);
    expect(most).toBe(1);
  });
});
