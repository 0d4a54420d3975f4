import fc from 'fast-check';
import { chunkGeometry, chunkLength, MAX_CHUNK_BYTES, MAX_CHUNKS, MIN_CHUNK_BYTES } from './chunk-geometry';

const MIB = 1024 * 1024;

describe('chunk geometry', () => {
  it('cuts a file into equal chunks and a rest', () => {
    const geometry = chunkGeometry(20 * MIB + 5, 8 * MIB);
    expect(geometry).toEqual({ sizeBytes: 20 * MIB + 5, chunkSize: 8 * MIB, chunkCount: 3 });
    expect([0, 1, 2].map((index) => chunkLength(geometry, index))).toEqual([8 * MIB, 8 * MIB, 4 * MIB + 5]);
  });

  it('makes no empty last chunk where the size is a multiple', () => {
    expect(chunkGeometry(16 * MIB, 8 * MIB).chunkCount).toBe(2);
  });

  it.each([-1, 3, 1.5, Number.NaN, 1e9])('has no chunk %p', (index) => {
    expect(chunkLength(chunkGeometry(20 * MIB, 8 * MIB), index)).toBeUndefined();
  });

  it('covers every file exactly, within the limits', () => {
    const sizes = fc.integer({ min: 1, max: MAX_CHUNKS * MAX_CHUNK_BYTES });
    const preferences = fc.integer({ min: MIN_CHUNK_BYTES, max: MAX_CHUNK_BYTES });
    fc.assert(
      fc.property(sizes, preferences, (size, preferred) => {
        const geometry = chunkGeometry(size, preferred);
        const last = chunkLength(geometry, geometry.chunkCount - 1) ?? 0;
        expect((geometry.chunkCount - 1) * geometry.chunkSize + last).toBe(size);
        expect(last).toBeGreaterThan(0);
        expect(last).toBeLessThanOrEqual(geometry.chunkSize);
        expect(geometry.chunkCount).toBeLessThanOrEqual(MAX_CHUNKS);
        expect(geometry.chunkSize).toBeLessThanOrEqual(MAX_CHUNK_BYTES);
      }),
    );
  });
});
