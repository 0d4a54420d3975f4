import type { Check } from '../health/check';
import { ok, warning } from '../health/check';
import type { FlowChecks } from '../health/flow-checks';
import { HealthCheck, worst } from '../health/health-check';
import type { ServerChecks } from '../health/server-checks';
import { CheckHealth, CheckHealthHandler } from './check-health.action';

const check = (name: string, run: Check['run']): Check => ({ name, adviceOnFailure: `Mend ${name}.`, run });

function handlerOf(servers: Check[], flow: Check[]): CheckHealthHandler {
  const health = new HealthCheck(
    { checks: servers } as unknown as ServerChecks,
    { checks: flow } as unknown as FlowChecks,
  );
  Object.assign(health, { log: { warn: () => undefined } });
  return new CheckHealthHandler(health);
}

describe('system.health_check', () => {
  it('tells of each thing how it fares, how long it took, and what to do', async () => {
    const handler = handlerOf(
      [check('postgres', () => Promise.resolve(ok('Postgres answers.')))],
      [check('queues', () => Promise.resolve(warning('1 queue is paused.', 'Resume it.')))],
    );
    const health = await handler.execute(new CheckHealth());
    expect(health).toMatchObject({
      status: 'warning',
      checks: [
        { name: 'postgres', status: 'ok', message: 'Postgres answers.', advice: null },
        { name: 'queues', status: 'warning', message: '1 queue is paused.', advice: 'Resume it.' },
      ],
    });
    for (const { latency_ms } of health.checks) expect(latency_ms).toBeGreaterThanOrEqual(0);
  });

  it('tells that something cannot be looked at, without its secrets', async () => {
    const handler = handlerOf(
      [check('redis', () => Promise.reject(new Error('connect to 10.0.0.7:6379 as app:s3cret')))],
      [],
    );
    const health = await handler.execute(new CheckHealth());
    expect(health).toMatchObject({
      status: 'failing',
      checks: [{ status: 'failing', advice: 'Mend redis.' }],
    });
    expect(JSON.stringify(health)).not.toMatch(/s3cret|10\.0\.0\.7/);
  });

  it('waits two seconds for each, and no more', async () => {
    jest.useFakeTimers();
    const handler = handlerOf([check('disk', () => new Promise(() => undefined))], []);
    const pending = handler.execute(new CheckHealth());
    await jest.advanceTimersByTimeAsync(2_000);
    expect((await pending).checks).toMatchObject([{ name: 'disk', status: 'failing' }]);
    jest.useRealTimers();
  });

  it('is as bad as the worst', () => {
    expect(worst([])).toBe('ok');
    expect(worst([{ status: 'ok' }, { status: 'failing' }, { status: 'warning' }])).toBe('failing');
  });
});
