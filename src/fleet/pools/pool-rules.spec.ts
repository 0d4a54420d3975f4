import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { AgentGraph } from '../../media/flow/agent-registry';
import { AGENTS } from '../../media/agents';
import { fieldErrors, namedField } from '../../platform/errors/field-errors';
import { Settings } from '../../platform/settings/settings';
import { poolFaults } from './pool-rules';

const read = (plain: object) => plainToInstance(Settings, plain, { exposeDefaultValues: true });

/** All that would keep these settings from being saved. */
function faults(pools: object, agents: object = {}) {
  const settings = read({ fleet: { pools }, pipeline: { agents } });
  const errors = validateSync(settings, { whitelist: true, forbidNonWhitelisted: true });
  const graph = new AgentGraph(AGENTS, new Map(AGENTS.map((agent) => [agent.id, agent])), settings);
  return [...fieldErrors(errors, namedField, ['settings']), ...poolFaults(settings.fleet, graph)];
}

const ALL = AGENTS.map(({ id }) => id);
const REST = ALL.filter((id) => id !== 'clip-renderer');

describe('the pools that may be saved', () => {
  it.each<[string, object]>([
    ['none but the one that is always there', {}],
    ['one more that serves all', { more: {} }],
    ['one of its own for an agent', { gpu: { agents: ['clip-renderer'], replicas: 2, max: 2 } }],
    ['two that share the agents', { default: { agents: REST }, gpu: { agents: ['clip-renderer'] } }],
    ['one that nobody works in for now', { default: { replicas: 0 } }],
  ])('are %s', (_, pools) => expect(faults(pools)).toEqual([]));

  it.each<[string, object, string, RegExp]>([
    ['no agents at all', { gpu: { agents: [] } }, 'settings.fleet.pools', /agents/],
    ['an agent twice', { gpu: { agents: ['packager', 'packager'] } }, 'settings.fleet.pools', /unique/],
    [
      'an unknown agent',
      { gpu: { agents: ['nobody'] } },
      'settings.fleet.pools.gpu.agents',
      /no agent nobody/,
    ],
    ['no room for a step', { default: { concurrency: 0 } }, 'settings.fleet.pools', /concurrency/],
    ['too many steps', { default: { concurrency: 33 } }, 'settings.fleet.pools', /concurrency/],
    ['half a worker', { default: { replicas: 0.5 } }, 'settings.fleet.pools', /replicas/],
    ['more than its most', { gpu: { replicas: 3, max: 2 } }, 'settings.fleet.pools.gpu.replicas', /0 to 2/],
    [
      'fewer than its fewest',
      { gpu: { replicas: 0, min: 1 } },
      'settings.fleet.pools.gpu.replicas',
      /1 to 32/,
    ],
    ['a least above the most', { gpu: { min: 3, max: 2 } }, 'settings.fleet.pools.gpu.min', /is 2/],
    ['a name that is none', { 'G p u': {} }, 'settings.fleet.pools', /not a key/],
    ['a name that is too long', { ['g'.repeat(33)]: {} }, `settings.fleet.pools.${'g'.repeat(33)}`, /32/],
  ])('do not have %s', (_, pools, path, message) => {
    expect(faults(pools)).toEqual([{ path, message: expect.stringMatching(message) as string }]);
  });

  it('leave no agent of new jobs to nobody', () => {
    expect(faults({ default: { agents: REST } })).toEqual([
      { path: 'settings.fleet.pools', message: expect.stringContaining('clip-renderer') as string },
    ]);
    const without = ALL.filter((id) => id !== 'visual-scorer');
    expect(faults({ default: { agents: without } }, { 'visual-scorer': { enabled: false } })).toEqual([]);
  });

  it('may still name an agent that is gone', () => {
    expect(faults({ gpu: { agents: ['visual-scorer'] } }, { 'visual-scorer': { removed: true } })).toEqual(
      [],
    );
  });
});
