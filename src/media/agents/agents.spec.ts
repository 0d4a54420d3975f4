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
