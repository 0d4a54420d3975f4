import { AgentError } from '../agents/agent-error';
import { MAX_PIXELS } from './guards';
import type { MediaProbe, ProbedStream } from './probe';

/** What an installation accepts. */
export interface StreamLimits {
  maxStreams: number;
  minDurationS: number;
  maxDurationS: number;
  /** Longer side in pixels. */
  maxDimension: number;
}

const refuse = (
  code: 'TOO_MANY_STREAMS' | 'TOO_LARGE_DIMENSIONS' | 'TOO_LONG' | 'TOO_SHORT',
  message: string,
) => new AgentError(code, message, { retryable: false });

/** Seconds as a person says them: "45 s", "2 min 5 s", "3 h 20 min". */
export function sayDuration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s < 10 ? Number(seconds.toFixed(seconds < 1 ? 2 : 1)) : s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  const minutes = Math.round((s % 3600) / 60);
  return minutes ? `${Math.floor(s / 3600)} h ${minutes} min` : `${Math.floor(s / 3600)} h`;
}

/** The first stream that is a video and not a cover picture. */
export function mainVideo(probe: MediaProbe): ProbedStream | undefined {
  return probe.streams.find((stream) => stream.type === 'video' && !stream.attachedPicture);
}

/** The first audio stream that the tools know how to read. */
export function mainAudio(probe: MediaProbe): ProbedStream | undefined {
  return probe.streams.find(
    (stream) => stream.type === 'audio' && stream.codec !== null && stream.codec !== 'none',
  );
}

/** Refuses a duration outside of the limits. @throws AgentError TOO_SHORT or TOO_LONG */
export function checkDuration(durationS: number, limits: StreamLimits): void {
  if (durationS > limits.maxDurationS)
    throw refuse(
      'TOO_LONG',
      `The video lasts ${sayDuration(durationS)}; at most ${sayDuration(limits.maxDurationS)} is allowed.`,
    );
  if (durationS < limits.minDurationS)
    throw refuse(
      'TOO_SHORT',
      `The video lasts ${sayDuration(durationS)}; at least ${sayDuration(limits.minDurationS)} is needed to cut clips from it.`,
    );
}

/** Refuses a picture outside of the limits. @throws AgentError TOO_LARGE_DIMENSIONS */
export function checkDimensions(video: ProbedStream, limits: StreamLimits): void {
  const { width, height } = video;
  if (Math.max(width, height) > limits.maxDimension || width * height > MAX_PIXELS)
    throw refuse(
      'TOO_LARGE_DIMENSIONS',
      `The picture has ${width} x ${height} pixels; at most ${limits.maxDimension} on a side and ` +
        `${Math.floor(MAX_PIXELS / 1e6)} million in all are allowed.`,
    );
}

/** Refuses too many streams: each costs a decoder. @throws AgentError TOO_MANY_STREAMS */
export function checkStreams(probe: MediaProbe, limits: StreamLimits): void {
  if (probe.streams.length > limits.maxStreams)
    throw refuse(
      'TOO_MANY_STREAMS',
      `The file holds ${probe.streams.length} streams; at most ${limits.maxStreams} are allowed.`,
    );
}
