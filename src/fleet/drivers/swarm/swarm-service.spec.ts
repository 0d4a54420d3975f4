import type { SwarmService, SwarmTask } from './docker-engine';
import { describe as describeService } from './swarm-service';

const service = (replicas: number): SwarmService => ({
  ID: 's',
  Spec: {
    Name: 'agentos_worker-1',
    Labels: { 'com.agentos.name': 'worker-1' },
    Mode: { Replicated: { Replicas: replicas } },
  },
});

/** A task from its observed and its desired state; later ones are newer. */
function task(state: string, desired: string, more: Partial<SwarmTask['Status']> = {}, age = 0): SwarmTask {
  const at = new Date(Date.UTC(2026, 10, 25) - age * 1_000).toISOString();
  return {
    ID: `${state}-${age}`,
    ServiceID: 's',
    CreatedAt: at,
    DesiredState: desired,
    Status: { State: state, Timestamp: at, ...more },
  };
}

const exit = (ExitCode: number) => ({ ContainerStatus: { ExitCode } });

describe('a Swarm service as every driver describes one', () => {
  it.each<[string, number, SwarmTask[]]>([
    ['starting', 1, []],
    ['starting', 1, [task('preparing', 'running')]],
    ['starting', 1, [task('starting', 'running')]],
    ['running', 1, [task('running', 'running')]],
    ['running', 1, [task('starting', 'running'), task('running', 'running', {}, 5)]],
    ['starting', 2, [task('running', 'running')]],
    ['backing_off', 1, [task('ready', 'ready'), task('failed', 'shutdown', exit(1), 5)]],
    ['failed', 1, [task('failed', 'shutdown', exit(1))]],
    ['stopping', 0, [task('running', 'remove')]],
    ['stopped', 0, []],
  ])('is %s with %i wanted', (state, replicas, tasks) => {
    expect(describeService(service(replicas), 'worker', tasks).state).toBe(state);
  });

  it.each<[string, SwarmTask]>([
    ['exit code 3', task('failed', 'shutdown', exit(3))],
    ['exit code 0', task('complete', 'shutdown', exit(0))],
    ['SIGKILL', task('failed', 'shutdown', exit(137))],
    ['No such image', task('rejected', 'shutdown', { Err: 'No such image' })],
    ['its node was lost', task('orphaned', 'shutdown')],
  ])('ended last by %s', (lastExit, ended) => {
    expect(describeService(service(1), 'worker', [ended]).last_exit).toBe(lastExit);
  });

  it('counts as restarts what ended by itself, and not what the Swarm replaced', () => {
    const tasks = [
      task('running', 'running'),
      task('failed', 'shutdown', exit(1), 1),
      task('shutdown', 'shutdown', exit(0), 2),
      task('complete', 'shutdown', exit(0), 3),
    ];
    expect(describeService(service(1), 'worker', tasks)).toMatchObject({
      name: 'worker-1',
      restarts: 2,
      last_exit: 'exit code 1',
    });
  });
});
