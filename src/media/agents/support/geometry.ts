import type { ProbedStream } from '../../tools/probe';
import type { VideoFacts } from './outputs';

/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The nearest even number, at least 2: yuv420p has one colour sample for 2 x 2 pixels. */
export function even(value: number): number {
  return Math.max(2, Math.round(value / 2) * 2);
}

/** The picture as it is displayed: square pixels, turned. */
export function displaySize(
  stream: Pick<ProbedStream, 'width' | 'height' | 'sampleAspect' | 'rotation'>,
): Size {
  const width = Math.max(1, Math.round(stream.width * stream.sampleAspect));
  return stream.rotation % 180 === 90
    ? { width: stream.height, height: width }
    : { width, height: stream.height };
}

const evenDown = (value: number) => Math.max(2, Math.floor(value / 2) * 2);

/** Shrinks to a shorter side of at most `shortSide`; never enlarges. Even numbers. */
export function fitShortSide({ width, height }: Size, shortSide: number): Size {
  const factor = Math.min(1, shortSide / Math.min(width, height));
  if (factor === 1) return { width: evenDown(width), height: evenDown(height) };
  return { width: even(width * factor), height: even(height * factor) };
}

/** A 9:16 picture no wider than the source's shorter side: enlarging adds bytes, not detail. At most 720 x 1280. */
export function verticalSize({ width, height }: Size): Size {
  const target = Math.min(720, evenDown(Math.min(width, height)));
  return { width: target, height: even((target * 16) / 9) };
}

/** A 16:9 picture no higher than the source's shorter side. */
export function landscapeSize({ width, height }: Size, maxShortSide: number): Size {
  const target = Math.min(evenDown(maxShortSide), evenDown(Math.min(width, height)));
  return { width: even((target * 16) / 9), height: target };
}

/** Whether a picture has a shape but for 2 %, which nobody sees. */
export function hasShape({ width, height }: Size, across: number, down: number): boolean {
  return Math.abs((width * down) / (height * across) - 1) <= 0.02;
}

/** Scale so that all of `source` lies within `target`. Even numbers. */
export function fitWithin(source: Size, target: Size): Size {
  const factor = Math.min(target.width / source.width, target.height / source.height);
  return {
    width: Math.min(target.width, even(source.width * factor)),
    height: Math.min(target.height, even(source.height * factor)),
  };
}

/**
 * All of `source` within `target`, before a blurred, filled copy of itself. The copy is blurred while it is small:
 * it costs a sixteenth, and nobody sees the difference.
 *
 * @param id makes the names of the filter's pads unique in its graph
 */
export function blurPadFilter(source: Size, target: Size, id: string): string {
  const small = {
    width: Math.max(16, even(target.width / 4)),
    height: Math.max(16, even(target.height / 4)),
  };
  const radius = Math.max(1, Math.min(6, Math.floor(Math.min(small.width, small.height) / 4) - 1));
  const inner = fitWithin(source, target);
  const x = Math.round((target.width - inner.width) / 2);
  const y = Math.round((target.height - inner.height) / 2);
  return [
    `split=2[${id}a][${id}b]`,
    `[${id}a]${fillFilter(source, small, 0.5)},boxblur=${radius},scale=${target.width}:${target.height},setsar=1[${id}c]`,
    `[${id}b]scale=${inner.width}:${inner.height},setsar=1[${id}d]`,
    `[${id}c][${id}d]overlay=${x}:${y}`,
  ].join(';');
}

/** Scale and crop so that `source` fills `target`. `cropX` 0..1 says which part of the width stays. */
export function fillFilter(source: Size, target: Size, cropX: number): string {
  const factor = Math.max(target.width / source.width, target.height / source.height);
  const width = Math.max(target.width, even(source.width * factor));
  const height = Math.max(target.height, even(source.height * factor));
  const x = Math.round((width - target.width) * cropX);
  const y = Math.round((height - target.height) / 2);
  return `scale=${width}:${height},crop=${target.width}:${target.height}:${x}:${y},setsar=1`;
}

/** A frame rate, as a number and as the fraction that filters take. */
export interface FrameRate {
  fps: number;
  text: string;
}

/**
 * The constant rate to work at: the source's own, halved until it is at most `maxFps`; 30 when the source's varies.
 * Keeping the source's grid keeps every cut on a frame.
 */
export function workingRate(video: Pick<VideoFacts, 'fps' | 'frame_rate'>, maxFps: number): FrameRate {
  if (video.frame_rate === null) return { fps: Math.min(30, maxFps), text: String(Math.min(30, maxFps)) };
  let divisor = 1;
  // Half a per cent of slack, so that 30.001 counts as 30.
  while (video.fps / divisor > maxFps * 1.005) divisor *= 2;
  const [above = '30', below = '1'] = video.frame_rate.split('/');
  return { fps: video.fps / divisor, text: `${above}/${Number(below) * divisor}` };
}

/**
 * From HDR to what every screen shows. Needs the picture already small: it costs 30 times a plain scaling.
 * Both transfer functions go through linear light.
 */
export const TONE_MAP =
  'zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv';
