import { neededBy, withDependents } from './dependents';

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

describe('what a step waits for', () => {
  it('is found over any distance, and nothing beside it', () => {
    const steps = [
      { agent: 'a', needs: [] },
      { agent: 'beside', needs: ['a'] },
      { agent: 'b', needs: ['a'] },
      { agent: 'c', needs: ['b', 'gone'] },
    ];
    expect([...neededBy('c', steps)].sort()).toEqual(['a', 'b', 'gone']);
    expect(neededBy('a', steps).size).toBe(0);
  });
});
