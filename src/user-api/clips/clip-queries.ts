import { Inject, Injectable } from '@nestjs/common';
import { DownloadLinks } from '../../platform/storage/download-links';
import { Db } from '../../platform/postgres/db';
import { Conditions } from '../conditions';
import { countUpTo } from '../counting';
import type { Slice, Total } from '../paging.dto';
import type { ClipCaptionsDraft } from '../../media/agents/agent';
import type { ClipCaptionsView, ClipCheckView, ClipReasonView, ClipVariantView, ClipView } from './clips.dto';

interface VariantRow {
  format: string;
  width: number;
  height: number;
  duration_s: number;
  artifact_id: string;
  hls_artifact_id: string | null;
  content_type: string;
  size_bytes: number;
  sha256: string;
}

interface ClipRow {
  id: string;
  job_id: string;
  position: number;
  start_s: number;
  end_s: number;
  score: number;
  reasons: ClipReasonView[];
  poster_artifact_id: string | null;
  storyboard_artifact_id: string | null;
  captions: ClipCaptionsDraft | null;
  needs_review: boolean;
  checks: ClipCheckView[];
  created_at: Date;
  variants: VariantRow[];
}

/** Clips out of `from`, which is called `c`. */
const select = (from: string): string => `
  SELECT c.id, c.job_id, c.position, c.start_s, c.end_s, c.score, c.reasons, c.poster_artifact_id,
    c.storyboard_artifact_id, c.captions, c.needs_review, c.checks, c.created_at,
    coalesce((SELECT jsonb_agg(jsonb_build_object('format', v.format, 'width', v.width, 'height', v.height,
        'duration_s', v.duration_s, 'artifact_id', a.id, 'hls_artifact_id', v.hls_artifact_id, 'content_type', a.content_type, 'size_bytes', a.size_bytes,
        'sha256', a.sha256) ORDER BY v.width DESC, v.format)
      FROM clip_variants v JOIN artifacts a ON a.id = v.artifact_id WHERE v.clip_id = c.id), '[]') AS variants
  FROM ${from} c`;

/** Reads clips with their files, and gives each a link to fetch it by. */
@Injectable()
export class ClipQueries {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(DownloadLinks) private readonly links: DownloadLinks,
  ) {}

  /** The clip, if it exists and, where an owner is given, is theirs. */
  async find(clipId: string, ownerId?: string): Promise<ClipView | undefined> {
    const [row] = await this.db.query<ClipRow>(
      `${select('clips')} WHERE c.id = $1 AND ($2::uuid IS NULL OR c.user_id = $2)`,
      [clipId, ownerId ?? null],
    );
    return row && this.view(row);
  }

  /** A part of the clips of a user, or of everybody's; newest first. */
  async recent(userId: string | undefined, slice: Slice): Promise<ClipView[]> {
    const conditions = new Conditions()
      .add(userId, (place) => `user_id = ${place}::uuid`)
      .add(slice.after, (place) => `id < ${place}::uuid`);
    // The page comes first: the files of clips that are skipped are not looked up.
    const page = `(SELECT * FROM clips WHERE ${conditions.sql}
      ORDER BY id DESC LIMIT ${conditions.place(slice.limit)} OFFSET ${conditions.place(slice.offset)})`;
    const rows = await this.db.query<ClipRow>(`${select(page)} ORDER BY c.id DESC`, conditions.params);
    return rows.map((row) => this.view(row));
  }

  /** How many clips a user has, or everybody. */
  total(userId: string | undefined): Promise<Total> {
    const { sql, params } = new Conditions().add(userId, (place) => `user_id = ${place}::uuid`);
    return countUpTo(this.db, `clips WHERE ${sql}`, params);
  }

  /** The clips of a job in their order. */
  async ofJob(jobId: string): Promise<ClipView[]> {
    const rows = await this.db.query<ClipRow>(`${select('clips')} WHERE c.job_id = $1 ORDER BY c.position`, [
      jobId,
    ]);
    return rows.map((row) => this.view(row));
  }

  private view(row: ClipRow): ClipView {
    return {
      clip_id: row.id,
      job_id: row.job_id,
      position: row.position,
      start_s: row.start_s,
      end_s: row.end_s,
      duration_s: Math.round((row.end_s - row.start_s) * 1000) / 1000,
      score: row.score,
      reasons: row.reasons,
      poster_url: row.poster_artifact_id && `${this.links.to(row.poster_artifact_id).url}?inline=1`,
      storyboard_url:
        row.storyboard_artifact_id && this.links.toSet(row.storyboard_artifact_id, 'storyboard.vtt'),
      captions: row.captions && this.captions(row.captions),
      needs_review: row.needs_review,
      checks: row.checks,
      variants: row.variants.map((variant) => this.variant(variant)),
      created_at: row.created_at.toISOString(),
    };
  }

  private captions(row: ClipCaptionsDraft): ClipCaptionsView {
    return {
      origin: row.origin,
      draft: row.draft,
      language: row.language,
      vtt_url: `${this.links.to(row.vtt_artifact_id).url}?inline=1`,
      srt_url: this.links.to(row.srt_artifact_id).url,
    };
  }

  private variant(row: VariantRow): ClipVariantView {
    const link = this.links.to(row.artifact_id);
    return {
      format: row.format,
      width: row.width,
      height: row.height,
      duration_s: row.duration_s,
      content_type: row.content_type,
      size: row.size_bytes,
      sha256: row.sha256,
      download_url: link.url,
      hls_url: row.hls_artifact_id && this.links.toSet(row.hls_artifact_id, 'playlist.m3u8'),
      download_expires_at: link.expiresAt.toISOString(),
    };
  }
}
