import 'reflect-metadata';
import { bodyField } from '../../platform/errors/field-errors';
import { Settings } from '../../platform/settings/settings';
import { AGENTS } from '../agents';
import type { Agent } from '../agents/agent';
import { stepSettings } from './step-settings';

describe('the settings of the steps', () => {
  const defaults: Record<string, Record<string, unknown>> = {
    inspector: { max_duration_s: 14_400, min_duration_s: 3 },
    'moment-selector': { clips: 3, min_s: 8 },
  };
  const agents = {
    ids: Object.keys(defaults),
    get: (id: string) => ({ defaults: defaults[id], check: () => undefined }) as unknown as Agent,
  };

  /** Those that the product comes with. */
  const builtIn = {
    ids: AGENTS.map(({ id }) => id),
    get: (id: string) => AGENTS.find((agent) => agent.id === id),
  };

  it("lay the job's over the operator's over the agent's", () => {
    const settings = new Settings();
    settings.agents = { 'moment-selector': { clips: 5, min_s: 10 } };
    const result = stepSettings(agents, settings, { 'moment-selector': { clips: 7 } });
    expect(result.get('moment-selector')).toEqual({ clips: 7, min_s: 10 });
  });

  it("hold every job to the operator's limit of a video's length", () => {
    const settings = new Settings();
    settings.jobs.max_duration_s = 60;
    const result = stepSettings(agents, settings, { inspector: { max_duration_s: 9_999 } });
    expect(result.get('inspector')).toMatchObject({ max_duration_s: 60 });
  });

  it('let longer videos in where the operator does, unless the agent or the job was given less', () => {
    const settings = new Settings();
    settings.jobs.max_duration_s = 28_800;
    const longest = (ofJob: Record<string, unknown>) =>
      stepSettings(agents, settings, ofJob).get('inspector')?.['max_duration_s'];
    expect(longest({})).toBe(28_800);
    expect(longest({ inspector: { max_duration_s: 60 } })).toBe(60);
    settings.agents = { inspector: { max_duration_s: 7_200 } };
    expect(longest({})).toBe(7_200);
  });

  it('name everything that is unknown or of the wrong kind, at once', () => {
    const wrong = { nosuch: {}, inspector: 5, 'moment-selector': { clip: 3 }, constructor: {} };
    expect(() => stepSettings(agents, new Settings(), wrong)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_ERROR',
        details: [
          bodyField(['settings', 'nosuch'], 'must be one of: inspector, moment-selector'),
          bodyField(['settings', 'inspector'], 'must be an object'),
          bodyField(['settings', 'moment-selector', 'clip'], 'is not a setting of moment-selector'),
          bodyField(['settings', 'constructor'], 'must be one of: inspector, moment-selector'),
        ],
      }),
    );
  });

  it.each([
    ['a text for a number', 'clip-renderer', { crf: '26' }, ['crf'], 'must be of the type number'],
    [
      'a word that is none of the list',
      'captioner',
      { source: 'x' },
      ['source'],
      'The setting source must be',
    ],
    ['a number out of its bounds', 'clip-renderer', { crf: 99 }, ['crf'], 'The setting crf must be'],
    [
      'bounds that contradict the operator',
      'moment-selector',
      { min_s: 50 },
      ['min_s'],
      'min_s must be no greater than max_s',
    ],
  ])('refuse %s before anything runs', (_what, agent, given, keys, message) => {
    const settings = new Settings();
    settings.agents = { 'moment-selector': { max_s: 40 } };
    expect(() => stepSettings(builtIn, settings, { [agent]: given })).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_ERROR',
        details: [
          {
            ...bodyField(['settings', agent, ...keys], ''),
            message: expect.stringContaining(message) as string,
          },
        ],
      }),
    );
  });

  it('take what fits the settings of the operator, and part of the weights', () => {
    const settings = new Settings();
    settings.agents = { 'moment-selector': { max_s: 90 } };
    const given = { 'moment-selector': { min_s: 70, weights: { speech: 1 } }, captioner: { source: 'off' } };
    expect(stepSettings(builtIn, settings, given).get('moment-selector')).toMatchObject({
      min_s: 70,
      max_s: 90,
    });
  });
});
