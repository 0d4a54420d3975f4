import type { DockerEngine, SwarmService, SwarmTask } from './docker-engine';
import { SwarmRollout } from './swarm-rollout';

const service = (UpdateStatus?: SwarmService['UpdateStatus']): SwarmService => ({
  ID: 's',
  UpdateStatus,
  Spec: { Labels: { 'com.agentos.name': 'worker-1' }, Mode: { Replicated: { Replicas: 1 } } },
});

const task = (ID: string, State: string, ExitCode = 0): SwarmTask => ({
  ID,
  ServiceID: 's',
  CreatedAt: '2026-11-25T00:00:00Z',
  DesiredState: State === 'running' ? 'running' : 'shutdown',
  Status: { State, Timestamp: '2026-11-25T00:00:00Z', ContainerStatus: { ExitCode } },
});

/** A rollout on an engine that tells one thing after the other, and then the last for ever. */
function rollout(states: SwarmTask[][], now = service()): { rollout: SwarmRollout; asked: () => number } {
  let asked = 0;
  const tasks = () => Promise.resolve(states[Math.min(asked++, states.length - 1)] ?? []);
  const engine = { tasks, service: () => Promise.resolve(now) } as unknown as DockerEngine;
  return { rollout: new SwarmRollout(engine, 10_000), asked: () => asked };
}

describe('SwarmRollout', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const settle = async (promise: Promise<void>) => {
    const outcome = promise.then(
      () => 'ready',
      (error: Error) => error.message,
    );
    await jest.advanceTimersByTimeAsync(15_000);
    return outcome;
  };

  it('does not believe a task without a health check that has only just begun', async () => {
    const brief = rollout([[task('new', 'running')], [task('new', 'failed', 3)]]);
    expect(await settle(brief.rollout.up(service(), []))).toBe(
      'worker-1 ended while starting (exit code 3).',
    );
    const lasting = rollout([[task('new', 'running')]]);
    expect(await settle(lasting.rollout.up(service(), []))).toBe('ready');
    expect(lasting.asked()).toBeGreaterThan(3);
  });

  it('waits until the old task has ended, and holds no earlier failure against the new one', async () => {
    const old = [task('old', 'running'), task('older', 'failed', 1)];
    const { rollout: replaced } = rollout([
      old,
      [task('new', 'running'), ...old],
      [task('new', 'running'), task('old', 'shutdown'), task('older', 'failed', 1)],
    ]);
    expect(await settle(replaced.renewed(service(), old))).toBe('ready');
    expect(await settle(rollout([old]).rollout.renewed(service(), old))).toBe(
      'worker-1 was not ready after 10 s.',
    );
  });

  it('tells that the Swarm gave the update up', async () => {
    const given = service({ State: 'rollback_completed', Message: 'rollback completed' });
    const { rollout: failing } = rollout([[]], given);
    expect(await settle(failing.renewed(service(), []))).toBe(
      'The Swarm gave the update of worker-1 up: rollback completed.',
    );
  });
});
