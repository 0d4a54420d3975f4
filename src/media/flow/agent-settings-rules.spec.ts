import type { Agent } from '../agents/agent';
import { agentFaults } from './agent-settings-rules';

const defaults = { count: 3, names: ['a'], weights: { a: 1 }, limit: null };
const agents = { ids: ['selector'], get: () => ({ defaults, check: () => undefined }) as unknown as Agent };
const paths = (given: Record<string, unknown>) =>
  agentFaults(given as Record<string, Record<string, unknown>>, agents).map(({ path }) => path);

describe('settings of agents', () => {
  it('may have what the agent knows, in its type', () => {
    expect(paths({ selector: { count: 5, names: [], weights: { b: 2 }, limit: 'x' } })).toEqual([]);
  });

  it.each([
    ['an agent that does not exist', { nobody: {} }, 'settings.agents.nobody'],
    ['a name that every object has', { constructor: {} }, 'settings.agents.constructor'],
    ['a path', { 'selector.count': 5 }, 'settings.agents.selector.count'],
    ['a setting that does not exist', { selector: { other: 1 } }, 'settings.agents.selector.other'],
    ['an inherited name', { selector: { toString: 1 } }, 'settings.agents.selector.toString'],
    ['a text for a number', { selector: { count: '5' } }, 'settings.agents.selector.count'],
    ['an object for a list', { selector: { names: {} } }, 'settings.agents.selector.names'],
    ['no object', { selector: 5 }, 'settings.agents.selector'],
  ])('may not have %s', (_what, given, path) => {
    expect(paths(given)).toEqual([path]);
  });
});
