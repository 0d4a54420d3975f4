import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentRun, PublishedArtifact } from '../agent';
import { AgentError } from '../agent-error';
import type { RenderedVariant } from './outputs';
import type { Shelf } from './shelf';

const CONTENT_TYPES: Record<string, string> = {
  m3u8: 'application/vnd.apple.mpegurl',
  m4s: 'video/iso.segment',
  mp4: 'video/mp4',
};

/**
 * Cuts a variant of a clip into HLS segments (RFC 8216, fragmented MP4) without encoding it again. The playlist
 * `<stem>.m3u8` names its files `<stem>-...` relative to itself: a player finds them beside it, under the same link.
 *
 * @param stem what the names of all files begin with
 * @returns the playlist
 */
export async function makeHls(
  run: AgentRun,
  shelf: Shelf,
  stem: string,
  variant: RenderedVariant,
): Promise<PublishedArtifact> {
  const dir = join(run.workDir, stem);
  await mkdir(dir, { mode: 0o700 });
  const { duration_s, file } = variant;
  await run.tools.ffmpeg({
    inputs: [{ path: await run.open(file.artifact_id), maxDurationS: duration_s + 1 }],
    output: [
      ...['-map', '0', '-c', 'copy', '-f', 'hls', '-hls_time', '4', '-hls_playlist_type', 'vod'],
      ...['-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', `${stem}-init.mp4`],
      ...['-hls_segment_filename', `${stem}-%03d.m4s`, `${stem}.m3u8`],
    ],
    cwd: dir,
    signal: run.signal,
    durationS: duration_s,
  });
  const published = new Map<string, PublishedArtifact>();
  for (const name of (await readdir(dir)).sort()) {
    const contentType = CONTENT_TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    published.set(name, await shelf.publish({ path: join(dir, name), name, kind: 'hls', contentType }));
  }
  const playlist = published.get(`${stem}.m3u8`);
  if (!playlist || published.size < 3)
    throw new AgentError('OUTPUT_INVALID', `The stream ${stem} came out incomplete.`, { retryable: true });
  return playlist;
}
