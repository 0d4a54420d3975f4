import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ActionRunner } from '../../pipeline/pipeline';
import { RouteActions } from './route-actions';

/** A route of this mark, asked by an operator; what was run is in the list. */
function routeMarked(runsAction: { name: string | null } | undefined) {
  const ran: string[] = [];
  const runner = {
    run: (action: string) => {
      ran.push(action);
      return Promise.resolve({ status: 200, headers: {}, body: Buffer.from('{}') });
    },
  } as unknown as ActionRunner;
  const request = {
    method: 'POST',
    actor: { userId: 'somebody' },
    headers: {},
    raw: { rawHeaders: [] },
    routeOptions: { url: '/api/agents/:agent_id/start', config: runsAction ? { runsAction } : {} },
  } as unknown as FastifyRequest;
  const reply = new Proxy({}, { get: () => () => reply }) as FastifyReply;
  const run = () => new RouteActions(runner).run('queue.resume', {}, { request, reply });
  return { ran, run };
}

describe('a route that runs an action', () => {
  it.each([[{ name: 'queue.resume' }], [{ name: null }]])('runs it if it is marked %j', async (mark) => {
    const { ran, run } = routeMarked(mark);
    await run();
    expect(ran).toEqual(['queue.resume']);
  });

  it.each([[undefined], [{ name: 'queue.pause' }]])('runs nothing if it is marked %j', async (mark) => {
    const { ran, run } = routeMarked(mark);
    await expect(run()).rejects.toThrow("mark it with @RunsAction('queue.resume')");
    expect(ran).toEqual([]);
  });
});
