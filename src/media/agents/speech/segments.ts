import type { Span } from '../support/outputs';

/** How stretches of speech are told from the probabilities of frames. */
export interface SpeechRules {
  /** Speech begins at this probability ... */
  enter: number;
  /** ... and ends below this one ... */
  leave: number;
  /** ... if it stays there for so long; seconds. */
  minSilenceS: number;
  /** Shorter stretches are dropped; seconds. */
  minSpeechS: number;
}

/**
 * Turns the probability of each frame into stretches of speech. Pure.
 *
 * @param frameS seconds that a frame lasts
 */
export function speechSegments(
  probabilities: readonly number[],
  frameS: number,
  durationS: number,
  rules: SpeechRules,
): Span[] {
  const found: Span[] = [];
  const close = (from: number, to: number) => {
    const span = { start_s: from * frameS, end_s: Math.min(durationS, to * frameS) };
    if (span.end_s - span.start_s >= rules.minSpeechS) found.push(span);
  };
  let begun: number | undefined;
  let quietSince: number | undefined;
  probabilities.forEach((value, frame) => {
    if (value >= rules.enter) {
      begun ??= frame;
      quietSince = undefined;
    } else if (begun !== undefined && value < rules.leave) {
      quietSince ??= frame;
      if ((frame + 1 - quietSince) * frameS < rules.minSilenceS) return;
      close(begun, quietSince);
      begun = quietSince = undefined;
    }
  });
  if (begun !== undefined) close(begun, quietSince ?? probabilities.length);
  return found;
}

/** The mean of the frames that begin in each second: a curve to draw. */
export function perSecond(probabilities: readonly number[], frameS: number): number[] {
  const means: number[] = [];
  for (let second = 0, frame = 0; frame < probabilities.length; second += 1) {
    const from = frame;
    let sum = 0;
    for (; frame < probabilities.length && frame * frameS < second + 1; frame += 1)
      sum += probabilities[frame] ?? 0;
    means.push(frame > from ? Math.round((sum / (frame - from)) * 1000) / 1000 : 0);
  }
  return means;
}
