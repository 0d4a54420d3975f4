import { LruMap } from './lru-map';

describe('a map with a capacity', () => {
  it('forgets what was not asked for longest', () => {
    const map = new LruMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    map.get('a');
    map.set('c', 3);
    expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([1, undefined, 3, 2]);
  });

  it('forgets what it is told to', () => {
    const map = new LruMap<string, number>(5);
    map.set('a', 1);
    map.set('b', 2);
    map.deleteWhere((value) => value === 1);
    map.delete('none');
    expect([map.get('a'), map.get('b')]).toEqual([undefined, 2]);
  });
});
