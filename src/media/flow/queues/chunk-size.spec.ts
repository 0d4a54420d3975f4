import { ChunkSize } from './chunk-size';

const size = () => new ChunkSize({ targetMs: 10, least: 100, most: 1_000 });

describe('the size of a chunk', () => {
  it('begins small, and grows by half while there is time', () => {
    const chunk = size();
    const seen = [chunk.current];
    for (let i = 0; i < 7; i += 1) {
      chunk.took(2, chunk.current);
      seen.push(chunk.current);
    }
    expect(seen).toEqual([100, 150, 225, 338, 507, 761, 1_000, 1_000]);
  });

  it('shrinks to what fits when several in a row were slow, and not below the least', () => {
    const chunk = size();
    for (let i = 0; i < 7; i += 1) chunk.took(2, chunk.current);
    const seen = [40, 40, 40].map((ms) => (chunk.took(ms, 1_000), chunk.current));
    expect(seen).toEqual([1_000, 1_000, 250]);
    for (let i = 0; i < 3; i += 1) chunk.took(1_000, 250);
    expect(chunk.current).toBe(100);
  });

  it('does not take one in the middle of quick ones, which waited for the machine, for a reason to shrink', () => {
    const chunk = size();
    const seen = [2, 2, 90, 2, 2, 90, 90, 2].map((ms) => (chunk.took(ms, chunk.current), chunk.current));
    expect(seen).toEqual([150, 225, 338, 507, 761, 1_000, 1_000, 1_000]);
  });

  it('does not take a small rest, which was quick, for a reason to grow', () => {
    const chunk = size();
    chunk.took(0, 3);
    expect(chunk.current).toBe(100);
  });
});
