import { driftOf } from './queue-contents';

describe('what changed since a preview', () => {
  it('is told apart: kept, changed, gone and new', () => {
    const frozen = [
      { id: 'kept', state: '1:0' },
      { id: 'changed', state: '1:0' },
      { id: 'gone', state: '1:0' },
    ];
    const now = [
      { id: 'kept', state: '1:0' },
      { id: 'changed', state: '2:0' },
      { id: 'new', state: '1:0' },
      { id: 'newer', state: '1:0' },
    ];
    expect(driftOf(frozen, now)).toEqual({ unchanged: ['kept'], changed: 1, gone: 1, added: 2 });
  });

  it('is nothing when nothing did', () => {
    const items = [{ id: 'a', state: '1' }];
    expect(driftOf(items, items)).toEqual({ unchanged: ['a'], changed: 0, gone: 0, added: 0 });
  });
});
