import 'reflect-metadata';
import { AGENT_SETTINGS, type SettingCase } from '../../../test/support/agent-settings';
import { Settings } from '../../platform/settings/settings';
import { AGENTS } from '../agents';
import type { AnyAgent } from '../agents/agent';
import { httpAgent, type HttpAgentDeps } from '../agents/http.agent';
import { agentFaults } from '../flow/agent-settings-rules';
import { stepSettings } from './step-settings';

/** Those that the product comes with, and one of a further type. */
const types = new Map<string, AnyAgent>(AGENTS.map((agent) => [agent.id, agent]));
types.set('model', httpAgent({} as HttpAgentDeps));
const agents = { ids: [...types.keys()], get: (id: string) => types.get(id) };
/** Without this there is no such agent. */
const MODEL = { url: 'https://models.example.com/' };

type Given = Record<string, unknown>;

/** Where a graph with such settings is found fault with. */
const faultsOfGraph = (id: string, given: Given) =>
  agentFaults({ model: MODEL, [id]: { ...(id === 'model' && MODEL), ...given } }, agents).map(({ path }) =>
    path.replace(`settings.agents.${id}.`, ''),
  );

/** The same of a job. */
function faultsOfJob(id: string, given: Given): string[] {
  const settings = new Settings();
  settings.agents = { model: MODEL };
  try {
    stepSettings(agents, settings, { [id]: given });
    return [];
  } catch (error) {
    const { details } = error as { details: { path: string }[] };
    return details.map(({ path }) => path.replace(`settings.${id}.`, ''));
  }
}

const settingsOfAll = Object.entries(AGENT_SETTINGS).flatMap(([id, settings]) =>
  Object.entries(settings).map(([name, cases]): [string, string, SettingCase] => [id, name, cases]),
);

describe('the settings of all agents', () => {
  it('are all known here', () => {
    for (const { id, defaults } of AGENTS)
      expect([id, Object.keys(AGENT_SETTINGS[id] ?? {}).sort()]).toEqual([id, Object.keys(defaults).sort()]);
    expect(Object.keys(AGENT_SETTINGS)).toHaveLength(AGENTS.length);
  });

  it.each(settingsOfAll)('%s.%s takes what it may be, up to its bounds', (id, name, { takes, beside }) => {
    for (const value of takes) {
      const given = { ...beside, [name]: value };
      expect([value, faultsOfGraph(id, given), faultsOfJob(id, given)]).toEqual([value, [], []]);
    }
  });

  it.each(settingsOfAll)('%s.%s is refused with its name if it is anything else', (id, name, cases) => {
    for (const value of cases.refuses) {
      const given = { ...cases.beside, [name]: value };
      const named = [expect.stringMatching(new RegExp(`^${name}(\\.|$)`))];
      expect([value, faultsOfGraph(id, given)]).toEqual([value, named]);
      expect([value, faultsOfJob(id, given)]).toEqual([value, named]);
    }
  });

  it.each([...types.keys()])('%s is refused a setting that it does not have', (id) => {
    for (const name of ['other', 'toString', '__proto__x'])
      expect([faultsOfGraph(id, { [name]: 1 }), faultsOfJob(id, { [name]: 1 })]).toEqual([[name], [name]]);
  });

  it.each<[string, unknown[]]>([
    ['url', ['', 'ftp://models.example.com/', 'models.example.com', 1]],
    ['account', ['No Such', 'x'.repeat(65), 1]],
    ['timeout_s', [0.9, 3_601, '60']],
    ['wait_s', [-1, 86_401, '60']],
    ['parameters', [[], 'top', 1]],
  ])('of one that another system does: %s is refused with its name', (name, refused) => {
    for (const value of refused)
      expect([value, faultsOfGraph('model', { [name]: value })]).toEqual([value, [name]]);
    expect(faultsOfGraph('model', { parameters: { anything: { goes: 1 } } })).toEqual([]);
  });
});
