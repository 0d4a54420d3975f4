import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentRun, ClipCaptionsDraft, PublishedArtifact } from '../agent';
import { AgentError } from '../agent-error';
import { bandwidthOf, captionsPlaylist, codecsOf, masterPlaylist } from './hls-captions';
import type { RenderedVariant } from './outputs';
import type { Shelf } from './shelf';

const CONTENT_TYPES: Record<string, string> = {
  m3u8: 'application/vnd.apple.mpegurl',
  m4s: 'video/iso.segment',
  mp4: 'video/mp4',
  vtt: 'text/vtt',
};

/**
 * Cuts a variant of a clip into HLS segments (RFC 8216, fragmented MP4) without encoding it again. The playlist
 * `<stem>.m3u8` names its files `<stem>-...` relative to itself: a player finds them beside it, under the same link.
 * Where the clip has subtitles they are a track of the stream, and that playlist is the one of all tracks.
 *
 * @param stem what the names of all files begin with
 * @returns the playlist
 */
export async function makeHls(
  run: AgentRun,
  shelf: Shelf,
  stem: string,
  variant: RenderedVariant,
  captions: ClipCaptionsDraft | null,
): Promise<PublishedArtifact> {
  const dir = join(run.workDir, stem);
  await mkdir(dir, { mode: 0o700 });
  const media = captions ? `${stem}-media.m3u8` : `${stem}.m3u8`;
  const { duration_s, file } = variant;
  await run.tools.ffmpeg({
    inputs: [{ path: await run.open(file.artifact_id), maxDurationS: duration_s + 1 }],
    output: [
      ...['-map', '0', '-c', 'copy', '-f', 'hls', '-hls_time', '4', '-hls_playlist_type', 'vod'],
      ...['-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', `${stem}-init.mp4`],
      ...['-hls_segment_filename', `${stem}-%03d.m4s`, media],
    ],
    cwd: dir,
    signal: run.signal,
    durationS: duration_s,
  });
  if (captions) await addCaptions(run, dir, stem, variant, captions);
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

/** Puts the subtitles beside a stream, and a playlist of both. */
async function addCaptions(
  run: AgentRun,
  dir: string,
  stem: string,
  { width, height, duration_s }: RenderedVariant,
  track: ClipCaptionsDraft,
): Promise<void> {
  const names = await readdir(dir);
  const files = await Promise.all(
    names.map(async (name) => ({ name, size: (await stat(join(dir, name))).size })),
  );
  const [media, text, captions] = [`${stem}-media.m3u8`, `${stem}-captions.vtt`, `${stem}-captions.m3u8`];
  await copyFile(await run.open(track.vtt_artifact_id), join(dir, text));
  await writeFile(join(dir, captions), captionsPlaylist(text, duration_s));
  const main = {
    ...{ playlist: media, width, height },
    ...bandwidthOf(await readFile(join(dir, media), 'utf8'), files),
    codecs: codecsOf(await readFile(join(dir, `${stem}-init.mp4`))),
  };
  await writeFile(join(dir, `${stem}.m3u8`), masterPlaylist(main, { playlist: captions, track }));
}
