import type { AgentResult } from './agent';

/** Every reason for which an agent leaves its step out, with the sentence that a person reads. Closed. */
export const SKIP_REASONS = {
  no_audio: 'The video has no sound.',
  no_speech_engine: 'This worker has no speech detection for its platform.',
  no_captions:
    'No subtitles were uploaded with the job, and this worker has no speech recognition (ASR_COMMAND or pocketsphinx).',
  switched_off: 'The settings switch this step off.',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;

/** A step that was left out. */
export function skipped(reason: SkipReason): AgentResult {
  return { status: 'skipped', reason };
}
