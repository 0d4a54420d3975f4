import 'reflect-metadata';
import { PipelineAgent } from '../../platform/settings/pipeline.settings';
import { AGENTS } from '../agents';
import type { AnyAgent } from '../agents/agent';
import { composeGraph, graphNodes } from './agent-graph';

const agent = (id: string, needs: string[] = [], more: Partial<AnyAgent> = {}) =>
  ({ id, needs, timeoutS: 60, maxAttempts: 3, ...more }) as unknown as AnyAgent;
const change = (more: Partial<PipelineAgent>) => Object.assign(new PipelineAgent(), more);

const builtIn = [agent('a', [], { essential: true }), agent('b', ['a']), agent('c', ['b'])];
const types = new Map([...builtIn, agent('http')].map((type) => [type.id as string, type]));
const compose = (agents: Record<string, Partial<PipelineAgent>>) =>
  composeGraph(builtIn, types, {
    agents: Object.fromEntries(Object.entries(agents).map(([id, more]) => [id, change(more)])),
  });
const edges = (agents: Record<string, Partial<PipelineAgent>>) =>
  Object.fromEntries(graphNodes(compose(agents).nodes).map((node) => [node.agent, node.needs]));

describe('the graph', () => {
  it('of the product is sound', () => {
    const { nodes, faults } = composeGraph(AGENTS, new Map(), { agents: {} });
    expect(faults).toEqual([]);
    expect(nodes.map(({ id }) => id).sort()).toEqual(AGENTS.map(({ id }) => id).sort());
    expect(nodes.filter(({ type }) => type.essential).map(({ id }) => id)).toEqual([
      'inspector',
      'normaliser',
      'moment-selector',
      'clip-renderer',
      'packager',
    ]);
  });

  it('places everything after what it needs, whatever is said where', () => {
    const { nodes, faults } = compose({
      model: { type: 'http', after: ['a'] },
      b: { after: ['a', 'model'] },
    });
    expect(faults).toEqual([]);
    expect(nodes.map(({ id }) => id)).toEqual(['a', 'model', 'b', 'c']);
    expect(graphNodes(nodes).map(({ position }) => position)).toEqual([0, 1, 2, 3]);
  });

  it('takes limits from the change, else from the type', () => {
    const { nodes } = compose({ model: { type: 'http', timeout_s: 5 }, b: { max_attempts: 1 } });
    const of = (wanted: string) => nodes.find(({ id }) => id === wanted);
    expect(of('model')).toMatchObject({ timeoutS: 5, maxAttempts: 3 });
    expect(of('b')).toMatchObject({ timeoutS: 60, maxAttempts: 1 });
  });

  it('lets those that need an agent that is switched off wait for what that one waits for', () => {
    expect(edges({ b: { enabled: false } })).toEqual({ a: [], c: ['a'] });
    const model = { type: 'http', after: ['b'], enabled: false };
    expect(edges({ b: { enabled: false }, model, c: { after: ['model', 'a'] } })).toEqual({
      a: [],
      c: ['a'],
    });
  });

  it('keeps what is gone at hand, though no job gets it', () => {
    const { nodes, faults } = compose({ b: { removed: true }, c: { after: ['a'] } });
    expect(faults).toEqual([]);
    expect(nodes.map(({ id, removed }) => [id, removed])).toEqual([
      ['a', false],
      ['c', false],
      ['b', true],
    ]);
    expect(edges({ b: { removed: true }, c: { after: ['a'] } })).toEqual({ a: [], c: ['a'] });
  });

  it.each([
    ['a type that does not exist', { model: { type: 'magic' } }, 'model', 'type'],
    ['a name that is a path of the API', { status: { type: 'http' } }, 'status', 'type'],
    ['no type', { model: {} }, 'model', 'type'],
    ['another type of an agent of the product', { b: { type: 'http' } }, 'b', 'type'],
    ['a need that does not exist', { b: { after: ['nobody'] } }, 'b', 'after'],
    ['a need that is gone', { b: { removed: true } }, 'c', 'after'],
    ['an essential agent switched off', { a: { enabled: false } }, 'a', 'enabled'],
    ['an essential agent taken out', { a: { removed: true } }, 'a', 'removed'],
  ])('names %s', (_case, agents, at, field) => {
    expect(compose(agents).faults).toContainEqual(expect.objectContaining({ agent: at, field }));
  });

  it.each([
    ['an agent that needs itself', { b: { after: ['b'] } }],
    ['two that need each other', { b: { after: ['c'] } }],
    ['a long way round', { model: { type: 'http', after: ['c'] }, a: { after: ['model'] } }],
  ])('names a circle: %s, and goes on without it', (_case, agents) => {
    const { nodes, faults } = compose(agents);
    expect(faults).toEqual([expect.objectContaining({ cycle: true, field: 'after' })]);
    const seen = new Set<string>();
    for (const { agent: id, needs } of graphNodes(nodes)) {
      expect(needs.every((need) => seen.has(need))).toBe(true);
      seen.add(id);
    }
  });
});
