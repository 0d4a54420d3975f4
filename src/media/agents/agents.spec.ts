import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_ERRORS, AGENT_IDS } from './agent';
import { AGENTS } from './index';

describe('AGENTS', () => {
  it('holds every agent once, each after those that it needs', () => {
    expect(AGENTS.map(({ id }) => id)).toEqual([...AGENT_IDS]);
    AGENTS.forEach(({ needs }, index) => {
      const before = AGENTS.slice(0, index).map(({ id }) => id);
      expect(before).toEqual(expect.arrayContaining([...needs]));
    });
  });

  it('has defaults that survive the database', () => {
    for (const { defaults } of AGENTS) expect(JSON.parse(JSON.stringify(defaults))).toEqual(defaults);
  });
});

/** A setting, or the settings within it, as `name.inner` with their values. */
function fieldsOf(name: string, value: unknown): [name: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]];
  return Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, one]);
}

/** The setting of that name, with another value. */
function withField(defaults: Record<string, unknown> = {}, field: string, value: unknown) {
  const [name = '', inner] = field.split('.');
  return { [name]: inner === undefined ? value : { ...(defaults[name] as object), [inner]: value } };
}

describe('docs/agents.md', () => {
  const text = readFileSync(join(__dirname, '../../../docs/agents.md'), 'utf8');
  const rows = [...text.matchAll(/^\| ([a-z-]+) +\| `([\w.]+)` +\| `(.*?)` +\| (.*?) +\|/gm)].map(
    ([, agent = '', setting = '', fallback = '', values = '']) => ({ agent, setting, fallback, values }),
  );

  it('tells of every setting of every agent, and of its default', () => {
    const told = rows.map(({ agent, setting, fallback }) => [
      agent,
      setting,
      JSON.parse(fallback) as unknown,
    ]);
    const defaults = AGENTS.flatMap(({ id, defaults }) =>
      Object.entries(defaults).flatMap(([name, value]) =>
        fieldsOf(name, value).map((field) => [id, ...field]),
      ),
    );
    expect(told).toEqual(defaults);
  });

  it('tells of no bounds that are not held', () => {
    for (const { agent, setting, values } of rows) {
      const [, min, max] = /^(-?[\d.]+) to (-?[\d.]+)$/.exec(values) ?? [];
      const { check, defaults } = AGENTS.find(({ id }) => id === agent) ?? {};
      const beyond = min === undefined ? ['nonsense'] : [Number(min) - 0.001, Number(max) + 0.001];
      for (const value of beyond)
        expect(() => check?.({ ...defaults, ...withField(defaults, setting, value) })).toThrow(
          `The setting ${setting} must be`,
        );
    }
  });
});

describe('AGENT_ERRORS', () => {
  it('says each in a sentence without a path or a code', () => {
    for (const { sentence } of Object.values(AGENT_ERRORS)) {
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(sentence).not.toMatch(/[/_]/);
    }
  });

  it('never retries bad input', () => {
    const bad = [
      'NOT_MEDIA',
      'UNSUPPORTED_FORMAT',
      'TRUNCATED',
      'DAMAGED',
      'NO_VIDEO',
      'TOO_SHORT',
      'TOO_LONG',
    ] as const;

    for (const code of bad) expect(AGENT_ERRORS[code].retryable).toBe(false);
  });
});
