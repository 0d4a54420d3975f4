import type { Job } from 'bull';
import type { StepTicket } from '../../media/flow/queues/bull-queue';
import { abortKind } from '../../media/flow/step-abort';
import type { StepRunner } from '../../media/flow/step-runner';
import type { Claim, LeaseState, StepClaims } from '../../media/steps/step-claims';
import { RunningSteps } from './running-steps';

/** An attempt that runs until it is told to end. */
interface Attempt {
  signal: AbortSignal;
  settling: () => void;
  end: () => void;
}

/** Steps that run without any work; `states` holds what Postgres says of an attempt, held if nothing. */
function worker() {
  const attempts = new Map<number, Attempt>();
  const states = new Map<number, LeaseState>();
  const renewed: number[] = [];
  const postgres = { isAway: false };
  const runner = {
    run: (claim: Claim, signal: AbortSignal, settling: () => void) =>
      new Promise<void>((end) => attempts.set(claim.step.attempt, { signal, settling, end })),
  } as unknown as StepRunner;
  const claims = {
    renew: (_stepId: string, attempt: number) => {
      renewed.push(attempt);
      if (postgres.isAway) return Promise.reject(new Error('Postgres is away'));
      return Promise.resolve(states.get(attempt) ?? 'held');
    },
  } as unknown as StepClaims;
  const steps = new RunningSteps(runner, claims);
  const ticket = {
    extendLock: () => Promise.resolve(),
    moveToCompleted: () => Promise.resolve(),
  } as unknown as Job<StepTicket>;
  const start = (attempt: number, ended: () => void = () => undefined): Attempt => {
    const step = { id: 'step', job_id: 'job', agent: 'inspector', attempt };
    steps.start({ job: { id: 'job' }, step } as Claim, ticket, ended);
    return attempts.get(attempt) as Attempt;
  };
  return { steps, start, states, renewed, postgres };
}

/** Ends an attempt and waits until the worker has noticed. */
async function ending(attempt: Attempt, ended: Promise<void>): Promise<void> {
  attempt.end();
  await ended;
}

/** Starts an attempt and gives a promise of its end besides. */
function started(start: ReturnType<typeof worker>['start'], attempt: number): [Attempt, Promise<void>] {
  let tell: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (tell = resolve));
  return [start(attempt, tell), ended];
}

describe('RunningSteps, when a step is claimed again while an attempt of it runs here', () => {
  it('tells the older attempt that it is lost, and counts it until it has stopped', async () => {
    const { steps, start } = worker();
    const [older, olderEnded] = started(start, 1);
    const newer = start(2);

    expect(abortKind(older.signal)).toBe('lost');
    expect(abortKind(newer.signal)).toBeUndefined();
    expect(steps.list().map(({ attempt }) => attempt)).toEqual([1, 2]);
    await ending(older, olderEnded);
    expect(steps.list().map(({ attempt }) => attempt)).toEqual([2]);
  });

  it('still renews, ends and waits for the newer attempt after the older one ended', async () => {
    const { steps, start, states, renewed } = worker();
    const [older, olderEnded] = started(start, 1);
    const [newer, newerEnded] = started(start, 2);
    await ending(older, olderEnded);

    await steps.renew();
    expect(renewed).toEqual([2]);
    let idle = false;
    const waiting = steps.idle().then(() => (idle = true));
    states.set(2, 'cancelling');
    await steps.renew();
    expect(abortKind(newer.signal)).toBe('cancel');
    expect(idle).toBe(false);
    await ending(newer, newerEnded);
    await waiting;
    expect(steps.size).toBe(0);
  });

  it('waits for the older attempt as well when it is to be idle', async () => {
    const { steps, start } = worker();
    const [older, olderEnded] = started(start, 1);
    const [newer, newerEnded] = started(start, 2);
    let idle = false;
    const waiting = steps.idle().then(() => (idle = true));
    await ending(newer, newerEnded);

    expect(steps.size).toBe(1);
    expect(idle).toBe(false);
    await ending(older, olderEnded);
    await waiting;
    expect(steps.size).toBe(0);
  });

  it('judges each attempt by its own lease', async () => {
    const { steps, start, states } = worker();
    const older = start(1);
    older.settling();
    const newer = start(2);
    states.set(1, 'lost');
    await steps.renew();

    // What has ended by itself only reports: it is too late to tell it anything.
    expect(older.signal.aborted).toBe(false);
    expect(newer.signal.aborted).toBe(false);
    steps.abort('step', 2, 'cancel');
    expect(abortKind(newer.signal)).toBe('cancel');
  });

  it('gives signs of life for one that only reports, which may take longer than its lease', async () => {
    const { steps, start, renewed } = worker();
    start(1).settling();
    await steps.renew();
    expect(renewed).toEqual([1]);
  });

  it('goes on for a minute after the last sign of life that was answered, and no longer', async () => {
    const { steps, start, postgres } = worker();
    const now = jest.spyOn(performance, 'now').mockReturnValue(0);
    try {
      const attempt = start(1);
      now.mockReturnValue(30_000);
      await steps.renew();
      postgres.isAway = true;
      now.mockReturnValue(90_000);
      await steps.renew();
      expect(attempt.signal.aborted).toBe(false);
      now.mockReturnValue(90_001);
      await steps.renew();
      expect(abortKind(attempt.signal)).toBe('lost');
    } finally {
      now.mockRestore();
    }
  });

  it('ends the attempt that is meant, and no other', () => {
    const { steps, start } = worker();
    const newer = start(2);
    steps.abort('step', 1, 'lost');
    steps.abort('another', 2, 'lost');
    expect(newer.signal.aborted).toBe(false);
    steps.abort('step', 2, 'lost');
    expect(abortKind(newer.signal)).toBe('lost');
  });
});
