import { AGENTS } from '../agents';
import type { Agent } from '../agents/agent';
import { buildGraph, GRAPH_VERSION, withDependents } from './graph';

type Node = Pick<Agent, 'id' | 'needs'>;
const agent = (id: string, ...needs: string[]): Node => ({ id, needs }) as unknown as Node;

describe('the graph', () => {
  it('of the registered agents has these edges in this version', () => {
    // If this fails, raise GRAPH_VERSION along with the change: jobs under way keep their own edges.
    const edges = Object.fromEntries(buildGraph(AGENTS).nodes.map((node) => [node.agent, node.needs]));
    expect({ version: GRAPH_VERSION, edges }).toEqual({
      version: 2,
      edges: {
        inspector: [],
        normaliser: ['inspector'],
        'audio-analyst': ['normaliser'],
        'speech-detector': ['normaliser'],
        'scene-detector': ['normaliser'],
        'visual-scorer': ['normaliser'],
        'moment-selector': expect.arrayContaining([
          'audio-analyst',
          'speech-detector',
          'scene-detector',
          'visual-scorer',
        ]),
        'clip-renderer': ['moment-selector'],
        packager: ['clip-renderer'],
      },
    });
  });

  it('places everything after what it needs, in whatever order the agents are listed', () => {
    const graph = buildGraph([agent('c', 'b', 'a'), agent('b', 'a'), agent('a')]);
    expect(graph.nodes.map((node) => [node.agent, node.position])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ]);
  });

  it.each([
    ['two agents of one name', [agent('a'), agent('a')], 'Two agents are called a'],
    ['a need that nobody meets', [agent('a', 'b')], 'Agent a needs b, which is not registered'],
    ['a circle', [agent('a', 'b'), agent('b', 'c'), agent('c', 'a')], 'Agent a needs itself in the end'],
    ['an agent that needs itself', [agent('a', 'a')], 'Agent a needs itself in the end'],
  ])('refuses %s', (_case, agents, message) => {
    expect(() => buildGraph(agents)).toThrow(message);
  });

  it('finds all that depends on some steps, over any distance, and nothing besides', () => {
    const steps = [
      { agent: 'a', needs: [] },
      { agent: 'b', needs: ['a'] },
      { agent: 'c', needs: ['a'] },
      { agent: 'd', needs: ['b'] },
    ];
    expect([...withDependents(steps, ['b'])].sort()).toEqual(['b', 'd']);
    expect([...withDependents(steps, ['a'])].sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(withDependents(steps, []).size).toBe(0);
  });
});
