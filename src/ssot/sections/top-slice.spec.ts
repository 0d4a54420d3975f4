import { topSlice } from './top-slice';

describe('topSlice', () => {
  const rank = (one: { rank: number }) => one.rank;
  const list = [3, 1, 3, 2, 3].map((rank, at) => ({ rank, at }));

  it('is all of what is not too much', () => {
    expect(topSlice(list, 5, rank)).toEqual(list);
  });

  it('keeps the highest, in their order, and the earlier of equals', () => {
    expect(topSlice(list, 2, rank).map(({ at }) => at)).toEqual([0, 2]);
    expect(topSlice(list, 4, rank).map(({ at }) => at)).toEqual([0, 2, 3, 4]);
  });
});
