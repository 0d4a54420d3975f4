import { type Bucket, quantileMs } from './histogram';

/** As bucketSql puts values into buckets; that SQL does so is tested with a database. */
function histogramOf(values: readonly number[]): Bucket[] {
  return values.map((ms) => ({ bucket: Math.ceil(8 * Math.log2(Math.max(ms, 1))), count: 1 }));
}

describe('quantileMs', () => {
  it('is nothing without values', () => {
    expect(quantileMs([], 0.5)).toBeNull();
    expect(quantileMs([{ bucket: 3, count: 0 }], 0.5)).toBeNull();
  });

  it.each([0.01, 0.5, 0.95, 0.99, 1])('is off by at most 4.4 %% at %d', (share) => {
    const values = Array.from({ length: 997 }, (_, i) => 20 + ((i * 7_919) % 997) ** 2 / 3);
    const sorted = [...values].sort((a, b) => a - b);
    const exact = sorted[Math.ceil(values.length * share) - 1] ?? Number.NaN;
    const found = quantileMs(histogramOf(values), share) ?? Number.NaN;
    expect(Math.abs(found / exact - 1)).toBeLessThan(0.045 + 0.5 / exact);
  });

  it('is the same of histograms that were added up, in whatever order they come', () => {
    const [one, two] = [histogramOf([5, 80, 900]), histogramOf([80, 7, 100_000])];
    const merged = new Map<number, number>();
    for (const { bucket, count } of [...one, ...two]) merged.set(bucket, (merged.get(bucket) ?? 0) + count);
    const added = [...merged].map(([bucket, count]) => ({ bucket, count }));
    for (const share of [0.1, 0.5, 0.9])
      expect(quantileMs(added.reverse(), share)).toBe(quantileMs([...two, ...one], share));
  });
});
