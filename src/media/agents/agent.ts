import type { MediaTools } from '../tools/media-tools';
import type { LoggerLike } from '../tools/logger-like';

export type { LoggerLike } from '../tools/logger-like';
export { AgentError, AGENT_ERRORS, type AgentErrorCode } from './agent-error';

/** The ids of the agents of the graph, in the order in which a job passes through them. */
export const AGENT_IDS = [
  'inspector',
  'normaliser',
  'audio-analyst',
  'speech-detector',
  'scene-detector',
  'visual-scorer',
  'moment-selector',
  'captioner',
  'clip-renderer',
  'quality-gate',
  'packager',
] as const;
export type AgentId = (typeof AGENT_IDS)[number];

/** What an agent of the graph can be: one that comes with the product, or of a type of which there is none until it is added. */
export const AGENT_TYPES = [...AGENT_IDS, 'http'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];

/** What an artifact is for; decides nothing about its content type. */
export type ArtifactKind =
  | 'proxy'
  | 'audio'
  | 'waveform'
  | 'clip'
  | 'captions'
  | 'poster'
  | 'hls'
  | 'storyboard'
  | 'manifest'
  | 'data';

/** What `publish` answers: the stored file. `size` in bytes, `sha256` in lower-case hex. */
export interface PublishedArtifact {
  artifact_id: string;
  name: string;
  size: number;
  sha256: string;
}

/** A finished file that an agent hands over. `path` lies in the step's work dir; `name` is server-made. */
export interface ArtifactFile {
  path: string;
  name: string;
  kind: ArtifactKind;
  contentType: string;
}

/** Everything an agent may touch during one attempt of one step. */
export interface AgentRun {
  readonly jobId: string;
  readonly stepId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The agent's `defaults` overlaid with the operator's and the job's settings; every agent checks its own. */
  readonly settings: Record<string, unknown>;
  readonly source: { path: string; filename: string; size: number; sha256: string | null };
  /** The subtitles that were uploaded with the job; null if there were none. */
  readonly captions: { path: string; filename: string; size: number; sha256: string | null } | null;
  /**
   * Outputs of the finished steps that this one waited for, directly or not, by agent id. Skipped steps appear with
   * their output if they gave one.
   */
  readonly inputs: Record<string, unknown>;
  /** Private, empty, absolute; removed by the caller afterwards. */
  readonly workDir: string;
  readonly signal: AbortSignal;
  /** Reports the finished share of this step, 0..1. May be called often; the caller throttles. */
  progress(fraction: number): void;
  /** Moves a finished file into the blob store; it counts once the step completes. */
  publish(file: ArtifactFile): Promise<PublishedArtifact>;
  /** The local path of an artifact that an earlier step of this job published. Read only. */
  open(artifactId: string): Promise<string>;
  readonly log: LoggerLike;
  readonly tools: MediaTools;
}

/** One file of a clip, ready for download. Sizes in pixels, duration in seconds. */
export interface ClipVariantDraft {
  format: string;
  width: number;
  height: number;
  duration_s: number;
  artifact_id: string;
  /** The HLS playlist; null when none was made. */
  hls_artifact_id: string | null;
}

/** Subtitles of a clip. */
export interface ClipCaptionsDraft {
  origin: 'uploaded' | 'command' | 'pocketsphinx';
  /** Recognised so poorly that a person must go over them. */
  draft: boolean;
  language: string | null;
  srt_artifact_id: string;
  vtt_artifact_id: string;
}

/** One thing that was checked on a finished clip; `value` is null when it could not be measured. */
export interface ClipCheck {
  name: string;
  value: number | null;
  limit: number;
  passed: boolean;
}

/** Why a moment was chosen: one measured quantity, its weight in the score, and a sentence for the user. */
export interface ClipReason {
  name: string;
  value: number;
  weight: number;
  sentence: string;
}

/** A clip as the packager returns it. Times in seconds of the source; `score` 0..1. */
export interface ClipDraft {
  position: number;
  start_s: number;
  end_s: number;
  score: number;
  reasons: ClipReason[];
  poster_artifact_id: string | null;
  /** A WebVTT file with small pictures of the whole video; null when none was made. */
  storyboard_artifact_id: string | null;
  /** null: nothing is known to be said in it, or nobody wrote it down. */
  captions: ClipCaptionsDraft | null;
  /** A check failed, and encoding it again did not help. */
  needs_review: boolean;
  checks: ClipCheck[];
  variants: ClipVariantDraft[];
}

/** How a run of an agent ended well: with what it found, or with why there was nothing for it to do. */
export type AgentResult =
  | { status: 'completed'; output: object; clips?: ClipDraft[] }
  | { status: 'skipped'; reason: string; output?: object };

/** What runs the steps of an agent. Stateless: everything it needs comes with the run. */
export interface Agent<Id extends AgentType = AgentId> {
  readonly id: Id;
  /** Raised when the output for the same input changes. */
  readonly version: string;
  readonly title: string;
  /** The agents that must have finished (completed or skipped) before this one starts. */
  readonly needs: readonly AgentId[];
  /** Every setting the agent knows, with its default. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Upper limit of one attempt, in seconds; the agent's own limits are tighter for short videos. */
  readonly timeoutS: number;
  readonly maxAttempts: number;
  /** Share of a job's progress, any unit; the flow normalises over the graph. */
  readonly weight: number;
  /** No job comes to anything without it: it can be neither switched off nor taken out of the graph. */
  readonly essential?: boolean;
  /** Settings for the operator alone: those that create a job cannot change them. */
  readonly reserved?: readonly string[];
  /**
   * Says before anything runs what is wrong with settings (all of them). It and `run` read them by one and the same
   * function: see agentSettings. Throws AgentError INVALID_SETTING.
   */
  check(settings: Record<string, unknown>): void;
  /** Does the step. Throws `AgentError` for everything a person should read. */
  run(run: AgentRun): Promise<AgentResult>;
}

/** One of any type. */
export type AnyAgent = Agent<AgentType>;
