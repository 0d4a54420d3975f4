import { AgentError } from '../agent-error';
import type { Word } from '../captions/words';
import type { ContentArea } from './picture-stats';
import type { AgentId, AgentRun, ClipReason, PublishedArtifact } from '../agent';

/** Raised when the shape of an output changes. */
export const SCHEMA_VERSION = 1;

/** What every output begins with: enough to tell how it came about. */
export interface OutputHeader {
  schema_version: typeof SCHEMA_VERSION;
  engine: string;
  params: Record<string, unknown>;
}

/** A stretch of time in seconds of the source. */
export interface Span {
  start_s: number;
  end_s: number;
}

/** The inspector's findings about the video stream. Sizes are those of the picture as it is displayed. */
export interface VideoFacts {
  index: number;
  codec: string;
  width: number;
  height: number;
  coded_width: number;
  coded_height: number;
  rotation: number;
  pixel_format: string | null;
  /** Frames per second: of the constant rate, or the average of a variable one. */
  fps: number;
  /** The constant rate as a fraction that filters take; null when the rate is variable or unknown. */
  frame_rate: string | null;
  variable_rate: boolean;
  hdr: 'pq' | 'hlg' | null;
}

/** The sound that was chosen, as the container says. */
export interface AudioFacts {
  index: number;
  codec: string;
  sample_rate: number | null;
  channels: number | null;
}

/** What a file really is. */
export interface InspectorOutput extends OutputHeader {
  verdict: 'ok' | 'damaged';
  container: string;
  size: number;
  sha256: string;
  /** Measured by decoding, not the container's claim. */
  duration_s: number;
  claimed_duration_s: number | null;
  video: VideoFacts;
  audio: AudioFacts | null;
  decoded: { frames: number; share: number; error_lines: number };
  warnings: string[];
}

/** The copies that the later steps work on: a small video of an even rate, and its sound. */
export interface NormaliserOutput extends OutputHeader {
  proxy: PublishedArtifact & { width: number; height: number; fps: number; frames: number };
  audio: PublishedArtifact | null;
  duration_s: number;
  tone_mapped: boolean;
}

/** How loud it is, and where it is silent. */
export interface AudioAnalystOutput extends OutputHeader {
  /** null: the sound is too quiet or too short to measure. */
  integrated_lufs: number | null;
  range_lu: number | null;
  true_peak_dbtp: number | null;
  silences: Span[];
  /** Mean level of each second in dBFS; silence is -120. */
  rms_db: number[];
  waveform: PublishedArtifact;
}

/** Where it cuts, where it is black, where it stands still, and the shots in between. */
export interface SceneDetectorOutput extends OutputHeader {
  cuts: { time_s: number; score: number }[];
  blacks: Span[];
  freezes: Span[];
  shots: Span[];
}

/** Where somebody speaks. */
export interface SpeechDetectorOutput extends OutputHeader {
  segments: Span[];
  /** Share of the video in which somebody speaks, 0..1. */
  speech_ratio: number;
  /** Mean probability of speech in each second, 0..1. */
  probability: number[];
}

/** All lists have a value for each second. */
export interface VisualScorerOutput extends OutputHeader {
  /** Mean difference of brightness to the picture 0.2 s before (by default), 0..255. */
  motion: number[];
  /** 0 black, 1 white. */
  brightness: number[];
  /** 0 grey, 1 as colourful as can be. */
  saturation: number[];
  /** Width of edges in pixels: less is sharper. null: not measured. */
  blur: number[] | null;
  /** What lies between black bars; null when there are none. */
  content: ContentArea | null;
  /** null: the default installation finds no faces. */
  faces: null;
}

/** A clip that was chosen, in times of the video, and why. */
export interface SelectedClip extends Span {
  position: number;
  score: number;
  reasons: ClipReason[];
}

/** The clips that were chosen. */
export interface MomentSelectorOutput extends OutputHeader {
  clips: SelectedClip[];
  candidates: number;
  /** Why fewer clips than asked for, or other than usual ones; null when nothing is to be said. */
  note: string | null;
}

/** The subtitles of one clip, in times of the clip. */
export interface CaptionedClip {
  position: number;
  /** How many subtitles there are. */
  cues: number;
  /** Each recognised word; empty when the subtitles were uploaded. */
  words: Word[];
  srt: PublishedArtifact;
  vtt: PublishedArtifact;
}

/** The subtitles of the clips. */
export interface CaptionerOutput extends OutputHeader {
  /** Where they are from: the file that came with the job, the operator's command, or pocketsphinx. */
  origin: 'uploaded' | 'command' | 'pocketsphinx';
  /** Recognised so poorly that a person must go over them. */
  draft: boolean;
  language: string | null;
  /** Recognised words that were too uncertain to keep. */
  dropped_words: number;
  clips: CaptionedClip[];
}

/** One shape of one clip, as it was written. */
export interface RenderedVariant {
  format: string;
  width: number;
  height: number;
  duration_s: number;
  fps: number;
  frames: number;
  file: PublishedArtifact;
}

/** A clip with its files. */
export interface RenderedClip extends SelectedClip {
  /** `silent`: the source has no sound; the file carries a silent track, so that every player plays it. */
  audio: 'source' | 'silent';
  variants: RenderedVariant[];
}

/** The clips with their files. */
export interface ClipRendererOutput extends OutputHeader {
  clips: RenderedClip[];
}

/** One thing that was checked on a clip. */
export interface QualityCheck {
  name: 'ssim' | 'true_peak_dbtp' | 'still_share' | 'kbps';
  /** null: it could not be measured. */
  value: number | null;
  limit: number;
  passed: boolean;
}

/** What was measured of a clip. */
export interface ClipQuality {
  /** Something is not as it should be, and encoding it again did not help. */
  needs_review: boolean;
  rerendered: boolean;
  checks: QualityCheck[];
}

/** The clips with what was measured of them. */
export interface QualityGateOutput extends OutputHeader {
  clips: (RenderedClip & { quality: ClipQuality })[];
}

/** What each agent leaves behind. */
export interface AgentOutputs {
  inspector: InspectorOutput;
  normaliser: NormaliserOutput;
  'audio-analyst': AudioAnalystOutput;
  'speech-detector': SpeechDetectorOutput;
  'scene-detector': SceneDetectorOutput;
  'visual-scorer': VisualScorerOutput;
  'moment-selector': MomentSelectorOutput;
  captioner: CaptionerOutput;
  'clip-renderer': ClipRendererOutput;
  'quality-gate': QualityGateOutput;
}
type Producer = keyof AgentOutputs & AgentId;

/** A property that only a completed output of that agent has: a skipped step leaves none. */
const MARK: Record<Producer, string> = {
  inspector: 'video',
  normaliser: 'proxy',
  'audio-analyst': 'rms_db',
  'speech-detector': 'segments',
  'scene-detector': 'cuts',
  'visual-scorer': 'motion',
  'moment-selector': 'clips',
  captioner: 'origin',
  'clip-renderer': 'clips',
  'quality-gate': 'clips',
};

/** The output of an earlier step, or undefined if it was skipped. */
export function findInput<K extends Producer>(run: AgentRun, agent: K): AgentOutputs[K] | undefined {
  const value = run.inputs[agent];
  if (typeof value !== 'object' || value === null || !(MARK[agent] in value)) return undefined;
  const { schema_version } = value as { schema_version?: unknown };
  if (schema_version !== SCHEMA_VERSION) return undefined;
  return value as AgentOutputs[K];
}

/** The output of an earlier step. @throws AgentError MISSING_INPUT */
export function requireInput<K extends Producer>(run: AgentRun, agent: K): AgentOutputs[K] {
  const value = findInput(run, agent);
  if (!value)
    throw new AgentError(
      'MISSING_INPUT',
      `The result of the step ${agent} is missing, so this step cannot run.`,
      {
        retryable: false,
      },
    );
  return value;
}

/** Rounds to a millionth: what JSON shows stays readable, and no frame is lost. */
export function micro(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** A progress callback for a part of a step, `from` to `to` of 0..1. */
export function part(run: AgentRun, from: number, to: number): (fraction: number) => void {
  return (fraction) => run.progress(from + (to - from) * Math.min(1, Math.max(0, fraction)));
}
