import type { AnyAgent } from '../agents/agent';
import { keyOfStep } from './step-key';

describe('the key of a step', () => {
  const ofVersion = (version: string) => ({ version }) as AnyAgent;
  const agents = (version: string) => ({
    types: new Map(['render', 'pack', 'http'].map((type) => [type, ofVersion(version)])),
  });
  const step = { agent: 'render', type: 'render', needs: ['select'], settings: { b: 1, a: [2] } };
  const siblings = [
    { agent: 'select', step_key: 'k1' },
    { agent: 'other', step_key: 'k2' },
  ];
  const key = keyOfStep(step, siblings, 'source', agents('1'));

  it('is the same for the same work, in whatever order things are given', () => {
    const again = { agent: 'render', type: 'render', needs: ['select'], settings: { a: [2], b: 1 } };
    expect(keyOfStep(again, [...siblings].reverse(), 'source', agents('1'))).toBe(key);
  });

  it('ignores steps that it does not need', () => {
    const others = [siblings[0] ?? { agent: '', step_key: '' }, { agent: 'other', step_key: 'changed' }];
    expect(keyOfStep(step, others, 'source', agents('1'))).toBe(key);
  });

  it.each([
    ['the version of the agent', keyOfStep(step, siblings, 'source', agents('2'))],
    ['its settings', keyOfStep({ ...step, settings: { a: [2], b: 2 } }, siblings, 'source', agents('1'))],
    ['the upload', keyOfStep(step, siblings, 'another', agents('1'))],
    ['what it needs', keyOfStep(step, [{ agent: 'select', step_key: 'k9' }], 'source', agents('1'))],
    ['the agent', keyOfStep({ ...step, agent: 'pack' }, siblings, 'source', agents('1'))],
    ['what the agent is', keyOfStep({ ...step, type: 'http' }, siblings, 'source', agents('1'))],
  ])('changes with %s', (_part, changed) => {
    expect(changed).not.toBe(key);
  });
});
