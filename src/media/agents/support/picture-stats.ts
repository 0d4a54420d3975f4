import type { FrameFields } from '../../tools/detectors';

/** The part of the picture that holds something, as shares of its width and height. */
export interface ContentArea {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The mean of a value over the frames of each second; seconds without a frame repeat the one before. */
export function meanPerSecond(
  frames: readonly FrameFields[],
  key: string,
  seconds: number,
  scale: (value: number) => number,
): number[] {
  const sums = Array.from({ length: seconds }, () => ({ sum: 0, count: 0 }));
  for (const { timeS, fields } of frames) {
    const value = fields[key];
    const slot = sums[Math.min(seconds - 1, Math.floor(timeS + 1e-6))];
    if (!slot || value === undefined || !Number.isFinite(value)) continue;
    slot.sum += value;
    slot.count += 1;
  }
  let last = 0;
  return sums.map(({ sum, count }) => {
    if (count > 0) last = Math.round(scale(sum / count) * 1000) / 1000;
    return last;
  });
}

/** Bars thinner than this share of a side are not worth cutting off. */
const LEAST_BAR = 0.03;
/** Content smaller than this share of a side is a dark scene rather than a letterbox. */
const LEAST_CONTENT = 0.5;
/** Share of the frames that must agree. */
const AGREEMENT = 0.6;

/**
 * What the picture shows between black bars, if most frames agree on it. Frames that are wholly dark say nothing.
 *
 * @returns null when there are no bars
 */
export function contentArea(
  frames: readonly FrameFields[],
  picture: { width: number; height: number },
): ContentArea | null {
  const votes = new Map<string, number>();
  let voters = 0;
  for (const { fields } of frames) {
    const [x, y, w, h] = ['x', 'y', 'w', 'h'].map((side) => fields[`lavfi.cropdetect.${side}`]);
    if (x === undefined || y === undefined || w === undefined || h === undefined || w <= 0 || h <= 0)
      continue;
    voters += 1;
    const key = [x, y, w, h].join(':');
    votes.set(key, (votes.get(key) ?? 0) + 1);
  }
  const [winner] = [...votes].sort((a, b) => b[1] - a[1]);
  if (!winner || winner[1] / voters < AGREEMENT) return null;
  const [x = 0, y = 0, w = 0, h = 0] = winner[0].split(':').map(Number);
  const area = {
    x: x / picture.width,
    y: y / picture.height,
    width: w / picture.width,
    height: h / picture.height,
  };
  const bars = Math.max(1 - area.width, 1 - area.height);
  if (bars < 2 * LEAST_BAR || area.width < LEAST_CONTENT || area.height < LEAST_CONTENT) return null;
  const round = (value: number) => Math.round(value * 10_000) / 10_000;
  return { x: round(area.x), y: round(area.y), width: round(area.width), height: round(area.height) };
}
