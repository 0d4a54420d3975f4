/** Buckets for each doubling of a time: a quantile is off by at most 4.4 %. */
const PER_OCTAVE = 8;
/** The last bucket holds all that took longer than 38 hours. */
const LAST = 216;

/**
 * SQL for the bucket of a time in milliseconds: bucket b has what is above 2^((b-1)/8) and at most 2^(b/8). The
 * bounds are the same everywhere and always, so histograms are merged by adding their counts.
 */
export function bucketSql(ms: string): string {
  return `least(${LAST}, ceil(${PER_OCTAVE} * ln(greatest(${ms}, 1)) / ln(2::float8)))::smallint`;
}

/** A bucket and how many values are in it. */
export interface Bucket {
  readonly bucket: number;
  readonly count: number;
}

/**
 * A quantile of all values of the histogram, in whole milliseconds: the middle (by ratio) of the bucket that has it.
 *
 * @param share of the values that are not above it, over 0 up to 1
 * @returns null if there are no values
 */
export function quantileMs(histogram: readonly Bucket[], share: number): number | null {
  const total = histogram.reduce((sum, { count }) => sum + count, 0);
  if (total <= 0) return null;
  const rank = Math.max(1, Math.ceil(total * share));
  let passed = 0;
  for (const { bucket, count } of [...histogram].sort((a, b) => a.bucket - b.bucket)) {
    passed += count;
    if (passed >= rank) return Math.round(2 ** ((bucket - 0.5) / PER_OCTAVE));
  }
  return null;
}
