import { withDependents } from './dependents';

describe('what depends on steps', () => {
  it('is found over any distance, and nothing besides', () => {
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
