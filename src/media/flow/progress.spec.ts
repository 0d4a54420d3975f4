import { ProgressThrottle, weightedProgress } from './progress';

describe('the progress of a job', () => {
  const weights: Record<string, number> = { inspect: 1, render: 9 };
  const weightOf = (agent: string) => weights[agent] ?? 0;

  it('counts each step by what it usually costs', () => {
    const inspected = { agent: 'inspect', status: 'completed' as const, progress: 1 };
    const halfway = { agent: 'render', status: 'processing' as const, progress: 0.5 };
    expect(weightedProgress([inspected, halfway], weightOf)).toBeCloseTo(0.55);
  });

  it('has no more digits than anybody reads, and is 1 at the end alone', () => {
    const at = (progress: number) =>
      weightedProgress([{ agent: 'render', status: 'processing', progress }], weightOf);
    expect([1 / 3, 0.57, 0.73333454, 0.99999, 1].map(at)).toEqual([0.3333, 0.57, 0.7333, 0.9999, 1]);
  });

  it('counts a skipped step as done, whatever it had reported', () => {
    const skipped = { agent: 'inspect', status: 'skipped' as const, progress: 0 };
    expect(weightedProgress([skipped], weightOf)).toBe(1);
  });

  it('is 0 for a job without steps', () => {
    expect(weightedProgress([], weightOf)).toBe(0);
  });
});

describe('the throttle', () => {
  let now = 0;
  let passed: number[] = [];
  let answer: () => Promise<void>;
  const throttle = () =>
    new ProgressThrottle(
      (fraction) => {
        passed.push(fraction);
        return answer();
      },
      () => now,
    );
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    now = 0;
    passed = [];
    answer = () => Promise.resolve();
  });

  it('passes on at most every 500 ms, and then the latest', async () => {
    const progress = throttle();
    for (now = 0; now <= 1_000; now += 100) {
      progress.report(0.1 + now / 2_000);
      await settled();
    }
    expect(passed).toEqual([0.1, 0.35, 0.6]);
  });

  it('passes on no more digits than anybody reads', () => {
    throttle().report(2 / 3);
    expect(passed).toEqual([0.6666]);
  });

  it('passes on nothing for less than a hundredth', async () => {
    const progress = throttle();
    progress.report(0.1);
    await settled();
    now = 10_000;
    progress.report(0.105);
    progress.report(0.12);
    expect(passed).toEqual([0.1, 0.12]);
  });

  it('never goes back, nor out of bounds, nor stumbles over what is no number', async () => {
    const progress = throttle();
    for (const fraction of [0.5, 0.2, Number.NaN, -3, Number.POSITIVE_INFINITY, 7]) {
      now += 1_000;
      progress.report(fraction);
      await settled();
    }
    expect(passed).toEqual([0.5, 1]);
  });

  it('has one report under way at a time', async () => {
    let finish: () => void = () => undefined;
    answer = () => new Promise((resolve) => (finish = resolve));
    const progress = throttle();
    progress.report(0.1);
    now = 5_000;
    progress.report(0.5);
    expect(passed).toEqual([0.1]);
    finish();
    await settled();
    progress.report(0.6);
    expect(passed).toEqual([0.1, 0.6]);
  });

  it('passes on nothing once the step is over', () => {
    const progress = throttle();
    progress.close();
    progress.report(0.5);
    expect(passed).toEqual([]);
  });
});
