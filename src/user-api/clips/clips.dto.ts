import { ApiProperty } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';

/** Which clip. */
export class ClipIdParam {
  /** @example 019aa3f1-9a10-7c44-8d1e-2f3a4b5c6d7e */
  @IsUUID()
  clip_id!: string;
}

/** One file of a clip. */
export class ClipVariantView {
  /** Its shape: `16x9` for screens, `9x16` for phones, `original` as the video. @example 16x9 */
  format!: string;
  /** In pixels. @example 1280 */
  width!: number;
  /** In pixels. @example 720 */
  height!: number;
  /** In seconds. @example 15.0 */
  duration_s!: number;
  /** @example video/mp4 */
  content_type!: string;
  /** In bytes. @example 1843200 */
  size!: number;
  /** SHA-256 of the file in hexadecimal, also its ETag. */
  sha256!: string;
  /** Works without signing in until it expires; Range requests are answered, `?inline=1` plays in a browser. */
  download_url!: string;
  /**
   * The same as a stream (HLS, fragmented MP4) for a player: its segments are found beside it, by the same token, until
   * it expires. null when none was made.
   */
  hls_url!: string | null;
  /** When the link stops working; ask again for a new one. @example 2026-01-01T19:00:00.000Z */
  download_expires_at!: string;
}

/** One of the things that spoke for a moment, or against it. */
export class ClipReasonView {
  /** What was measured. @example loudness */
  name!: string;
  /** How much of it there is, 0 to 1. @example 0.7 */
  value!: number;
  /** How much it counts in the score. @example 0.2 */
  weight!: number;
  /** The same in words. @example It is louder than the rest. */
  sentence!: string;
}

/** The subtitles of a clip, in times of the clip. */
export class ClipCaptionsView {
  /** Where they are from: your upload, the operator's speech recognition, or the built-in one. @example uploaded */
  @ApiProperty({ enum: ['uploaded', 'command', 'pocketsphinx'] })
  origin!: 'uploaded' | 'command' | 'pocketsphinx';
  /** Recognised so poorly that somebody must go over them before they are shown. @example false */
  draft!: boolean;
  /** As the recognition named it; null if nobody said. @example en */
  language!: string | null;
  /** As WebVTT, for a player's track. Works without signing in until it expires. */
  vtt_url!: string;
  /** As SubRip, for editing. */
  srt_url!: string;
}

/** One thing that was checked on the finished clip. */
export class ClipCheckView {
  /**
   * `ssim` likeness to the source, 0 to 1; `true_peak_dbtp` loudest peak; `still_share` share that is black or stands
   * still; `kbps` bit rate. @example ssim
   */
  name!: string;
  /** null: it could not be measured. @example 0.98 */
  value!: number | null;
  /** From where on it is good enough. @example 0.9 */
  limit!: number;
  /** @example true */
  passed!: boolean;
}

/** A clip that was cut out of a video. */
export class ClipView {
  /** @example 019aa3f1-9a10-7c44-8d1e-2f3a4b5c6d7e */
  clip_id!: string;
  /** @example 019aa3f1-8b00-7a11-9c2d-3e4f5a6b7c8d */
  job_id!: string;
  /** Its place among the clips of the job, from 1. @example 1 */
  position!: number;
  /** Where it begins in the video, in seconds. @example 12.4 */
  start_s!: number;
  /** Where it ends in the video, in seconds. @example 27.4 */
  end_s!: number;
  /** In seconds. @example 15.0 */
  duration_s!: number;
  /** How good it is, 0 to 1. @example 0.82 */
  score!: number;
  /** Why this moment was chosen. */
  reasons!: ClipReasonView[];
  /** A picture of it; null if there is none. */
  poster_url!: string | null;
  /** Small pictures of the whole video for a player's time line (WebVTT with #xywh); null if there are none. */
  storyboard_url!: string | null;
  /** Its subtitles; null if there are none. */
  captions!: ClipCaptionsView | null;
  /** A check failed, and encoding it again did not help: look at it before you use it. @example false */
  needs_review!: boolean;
  /** What was checked on it. */
  checks!: ClipCheckView[];
  /** Its files, the widest first. */
  variants!: ClipVariantView[];
  /** @example 2026-01-01T12:05:00.000Z */
  created_at!: string;
}
