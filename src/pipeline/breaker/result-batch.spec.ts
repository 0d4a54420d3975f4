import { circuitRules } from './circuit-rules';
import { CircuitBreakerSettings } from '../../platform/settings/circuit-breaker.settings';
import { ResultBatch } from './result-batch';

const RULED = {
  dependency: 'storage',
  rules: circuitRules(new CircuitBreakerSettings(), 'storage'),
} as const;
const GOOD = { all: 1, bad: 0, slow: 0 };
const BAD = { all: 1, bad: 1, slow: 0 };

describe('results of calls', () => {
  let sent: [number, object][];
  let batch: ResultBatch;

  beforeEach(() => {
    jest.useFakeTimers();
    sent = [];
    batch = new ResultBatch((_ruled, epoch, counts) => sent.push([epoch, counts]));
  });
  afterEach(() => jest.useRealTimers());

  it('are reported a few times a second, none forgotten', () => {
    for (let i = 0; i < 1_000; i++) {
      batch.add(RULED, 1, GOOD);
      jest.advanceTimersByTime(1);
    }
    jest.advanceTimersByTime(100);
    expect(sent.length).toBeLessThanOrEqual(11);
    expect(sent.reduce((sum, [, counts]) => sum + (counts as typeof GOOD).all, 0)).toBe(1_000);
  });

  it('are reported at once when they are bad, with those before them', () => {
    for (let i = 0; i < 4; i++) batch.add(RULED, 1, GOOD);
    batch.add(RULED, 1, BAD);
    expect(sent).toEqual([
      [1, GOOD],
      [1, { all: 4, bad: 1, slow: 0 }],
    ]);
  });

  it('are not mixed with those of another epoch', () => {
    for (const epoch of [1, 1, 2]) batch.add(RULED, epoch, GOOD);
    batch.flush();
    expect(sent.at(-1)).toEqual([2, GOOD]);
  });
});
