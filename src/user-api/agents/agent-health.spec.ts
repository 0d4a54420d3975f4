import type { AgentNode } from '../../media/flow/agent-graph';
import { healthOf } from './agent-health';
import type { AgentFigures } from './agents.dto';
import type { Moment } from './agents-now';

const at = new Date('2026-01-01T12:00:00Z');
const node = (id: string, enabled = true) => ({ id, enabled }) as AgentNode;
const worker = (draining = false) =>
  ({ queues: ['a'], draining }) as unknown as NonNullable<Moment['workers']>[0];
const moment = (more: Partial<Moment> = {}): Moment => ({
  nodes: [node('a')],
  paused: new Set(),
  active: new Map(),
  workers: [worker()],
  counts: {},
  ...more,
});
const health = (now: Moment, figures: Partial<AgentFigures> = {}, waitingMin = 0) =>
  healthOf(now, {
    lastHour: new Map([['a', { completed: 0, failed: 0, ...figures } as AgentFigures]]),
    oldest: waitingMin > 0 ? new Map([['a', new Date(at.getTime() - waitingMin * 60_000)]]) : new Map(),
    at,
  });

describe('the health of agents', () => {
  it('is good where nothing is wrong', () => {
    expect(health(moment(), { completed: 9, failed: 1 }, 5)).toMatchObject({
      health: 'healthy',
      agents: [{ health: 'healthy', reasons: [], workers: 1 }],
    });
  });

  it.each<[string, string, Partial<Moment>, Partial<AgentFigures>, number, RegExp]>([
    ['no worker', 'down', { workers: [] }, {}, 0, /No worker/],
    ['only workers that end', 'down', { workers: [worker(true)] }, {}, 0, /No worker/],
    ['half of the steps failed', 'degraded', {}, { completed: 4, failed: 4 }, 0, /4 of the last 8/],
    ['a long wait', 'degraded', {}, {}, 11, /11 minutes/],
    ['no word from Redis', 'degraded', { workers: undefined }, {}, 0, /Redis/],
  ])('with %s is %s', (_case, expected, more, figures, waitingMin, reason) => {
    const found = health(moment(more), figures, waitingMin);
    expect(found).toMatchObject({ health: expected, agents: [{ health: expected }] });
    expect(found.agents[0]?.reasons[0]).toMatch(reason);
  });

  it('stays down when other things are wrong as well', () => {
    expect(health(moment({ workers: [] }), { failed: 9 }, 60).health).toBe('down');
  });

  it('judges nothing by a few steps', () => {
    expect(health(moment(), { completed: 1, failed: 3 }).health).toBe('healthy');
  });

  it.each([
    ['paused', { paused: new Set(['a']), workers: [] }],
    ['switched off', { nodes: [node('a', false)], workers: [] }],
  ])('is off, and no trouble of the whole, when it is %s', (_case, more) => {
    expect(health(moment(more))).toMatchObject({ health: 'healthy', agents: [{ health: 'off' }] });
  });
});
