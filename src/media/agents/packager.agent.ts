import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun, ArtifactKind, ClipDraft, PublishedArtifact } from './agent';
import { AgentError } from './agent-error';
import { finishAndPublish, partName } from './support/files';
import { even } from './support/geometry';
import {
  SCHEMA_VERSION,
  findInput,
  part,
  requireInput,
  type OutputHeader,
  type RenderedClip,
  type RenderedVariant,
} from './support/outputs';
import { flagSetting, withDefaults } from './support/settings';
import { planStoryboard, sheetName, storyboardFilter, storyboardVtt } from './support/storyboard';

const DEFAULTS = { hls: true, storyboard: true };

/** A line of the manifest. */
interface ManifestFile extends PublishedArtifact {
  kind: ArtifactKind;
}

interface PackagerOutput extends OutputHeader {
  posters: { position: number; artifact_id: string }[];
  /** The playlist of each clip; empty when HLS is switched off. */
  hls: { position: number; artifact_id: string }[];
  storyboard: { vtt_artifact_id: string; sheets: number; interval_s: number } | null;
  manifest: PublishedArtifact;
  files: number;
}

/** Publishes files and remembers them for the manifest. */
class Shelf {
  readonly files: ManifestFile[] = [];
  constructor(private readonly run: AgentRun) {}

  /** Publishes a file that a tool wrote under its part name. */
  async finished(name: string, kind: ArtifactKind, contentType: string): Promise<PublishedArtifact> {
    return this.note(await finishAndPublish(this.run, name, kind, contentType), kind);
  }

  /** Writes and publishes a text. */
  async text(
    name: string,
    content: string,
    kind: ArtifactKind,
    contentType: string,
  ): Promise<PublishedArtifact> {
    await writeFile(join(this.run.workDir, partName(name, this.run.attempt)), content);
    return this.finished(name, kind, contentType);
  }

  note<T extends PublishedArtifact>(file: T, kind: ArtifactKind): T {
    const { artifact_id, name, size, sha256 } = file;
    this.files.push({ artifact_id, name, size, sha256, kind });
    return file;
  }
}

/** The shape that posters and HLS are made of: the first one, which is the original where it was rendered. */
function mainVariant(clip: RenderedClip): RenderedVariant {
  const [variant] = clip.variants;
  if (!variant) throw new AgentError('MISSING_INPUT');
  return variant;
}

async function makePoster(
  run: AgentRun,
  shelf: Shelf,
  clip: RenderedClip,
  path: string,
): Promise<PublishedArtifact> {
  const variant = mainVariant(clip);
  const name = `clip-${clip.position}-poster.jpg`;
  const width = Math.min(640, variant.width);
  await run.tools.ffmpeg({
    inputs: [{ path, maxDurationS: variant.duration_s + 1 }],
    // Five frames a second are enough to choose from; all of them would take 280 MB.
    output: [
      ...[
        '-map',
        '0:v:0',
        '-vf',
        `fps=5,thumbnail=50,scale=${width}:${even((width * variant.height) / variant.width)}`,
      ],
      ...[
        '-frames:v',
        '1',
        '-pix_fmt',
        'yuvj420p',
        '-q:v',
        '4',
        '-fflags',
        '+bitexact',
        partName(name, run.attempt),
      ],
    ],
    cwd: run.workDir,
    signal: run.signal,
    durationS: variant.duration_s,
  });
  return shelf.finished(name, 'poster', 'image/jpeg');
}

const HLS_TYPES: Record<string, string> = {
  m3u8: 'application/vnd.apple.mpegurl',
  m4s: 'video/iso.segment',
  mp4: 'video/mp4',
};

/** Cuts a clip into HLS segments without encoding it again. @returns the playlist */
async function makeHls(
  run: AgentRun,
  shelf: Shelf,
  clip: RenderedClip,
  path: string,
): Promise<PublishedArtifact> {
  const prefix = `clip-${clip.position}-hls`;
  const dir = join(run.workDir, prefix);
  await mkdir(dir, { mode: 0o700 });
  const { duration_s } = mainVariant(clip);
  await run.tools.ffmpeg({
    inputs: [{ path, maxDurationS: duration_s + 1 }],
    output: [
      ...['-map', '0', '-c', 'copy', '-f', 'hls', '-hls_time', '4', '-hls_playlist_type', 'vod'],
      ...['-hls_segment_type', 'fmp4', '-hls_fmp4_init_filename', `${prefix}-init.mp4`],
      ...['-hls_segment_filename', `${prefix}-%03d.m4s`, `${prefix}-index.m3u8`],
    ],
    cwd: dir,
    signal: run.signal,
    durationS: duration_s,
  });
  const published = new Map<string, PublishedArtifact>();
  for (const name of (await readdir(dir)).sort()) {
    const contentType = HLS_TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    published.set(
      name,
      shelf.note(await run.publish({ path: join(dir, name), name, kind: 'hls', contentType }), 'hls'),
    );
  }
  const playlist = published.get(`${prefix}-index.m3u8`);
  if (!playlist || published.size < 3)
    throw new AgentError('OUTPUT_INVALID', `The stream of clip ${clip.position} came out incomplete.`, {
      retryable: true,
    });
  return playlist;
}

async function makeStoryboard(run: AgentRun, shelf: Shelf): Promise<PackagerOutput['storyboard']> {
  const { proxy, duration_s } = requireInput(run, 'normaliser');
  const plan = planStoryboard(duration_s, proxy);
  await run.tools.ffmpeg({
    inputs: [
      {
        path: await run.open(proxy.artifact_id),
        maxDurationS: duration_s + 1,
        options: ['-skip_frame', 'nokey'],
      },
    ],
    output: [
      ...[
        '-map',
        '0:v:0',
        '-vf',
        storyboardFilter(plan),
        ...run.tools.frameSync('passthrough'),
        '-pix_fmt',
        'yuvj420p',
      ],
      ...[
        '-q:v',
        '5',
        '-frames:v',
        String(plan.sheets),
        '-fflags',
        '+bitexact',
        partName('storyboard-%d.jpg', run.attempt),
      ],
    ],
    cwd: run.workDir,
    signal: run.signal,
    durationS: duration_s,
  });
  for (let sheet = 1; sheet <= plan.sheets; sheet += 1)
    await shelf.finished(sheetName(sheet), 'storyboard', 'image/jpeg');
  const vtt = await shelf.text('storyboard.vtt', storyboardVtt(plan, duration_s), 'storyboard', 'text/vtt');
  return { vtt_artifact_id: vtt.artifact_id, sheets: plan.sheets, interval_s: plan.intervalS };
}

/** Notes what the earlier steps published, so that the manifest is complete. */
function noteEarlier(run: AgentRun, shelf: Shelf, clips: readonly RenderedClip[]): void {
  const { proxy, audio } = requireInput(run, 'normaliser');
  shelf.note(proxy, 'proxy');
  if (audio) shelf.note(audio, 'audio');
  const waveform = findInput(run, 'audio-analyst')?.waveform;
  if (waveform) shelf.note(waveform, 'waveform');
  for (const clip of clips) for (const { file } of clip.variants) shelf.note(file, 'clip');
}

function draft(clip: RenderedClip, poster: PublishedArtifact): ClipDraft {
  const { position, start_s, end_s, score, reasons } = clip;
  const variants = clip.variants.map(({ format, width, height, duration_s, file }) => ({
    format,
    width,
    height,
    duration_s,
    artifact_id: file.artifact_id,
  }));
  return { position, start_s, end_s, score, reasons, poster_artifact_id: poster.artifact_id, variants };
}

/** Makes what belongs to the clips: posters, streams, a storyboard, and a manifest with the hash of every file. */
export const packager: Agent = {
  id: 'packager',
  version: '1.0.0',
  title: 'Packager',
  needs: ['clip-renderer'],
  defaults: DEFAULTS,
  timeoutS: 1800,
  maxAttempts: 3,
  weight: 5,
  essential: true,

  async run(run: AgentRun): Promise<AgentResult> {
    const source = requireInput(run, 'inspector');
    const { clips } = requireInput(run, 'clip-renderer');
    const settings = withDefaults(DEFAULTS, run.settings);
    const shelf = new Shelf(run);
    noteEarlier(run, shelf, clips);

    const drafts: ClipDraft[] = [];
    const hls: PackagerOutput['hls'] = [];
    const progress = part(run, 0, 0.8);
    for (const [index, clip] of clips.entries()) {
      const path = await run.open(mainVariant(clip).file.artifact_id);
      drafts.push(draft(clip, await makePoster(run, shelf, clip, path)));
      if (flagSetting(settings, 'hls'))
        hls.push({
          position: clip.position,
          artifact_id: (await makeHls(run, shelf, clip, path)).artifact_id,
        });
      progress((index + 1) / clips.length);
    }
    const storyboard = flagSetting(settings, 'storyboard') ? await makeStoryboard(run, shelf) : null;
    const manifest = {
      schema_version: SCHEMA_VERSION,
      job_id: run.jobId,
      source: { filename: run.source.filename, size: run.source.size, sha256: source.sha256 },
      clips: drafts,
      files: shelf.files,
    };
    const files = shelf.files.length;
    const output: PackagerOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params: settings,
      posters: drafts.map(({ position, poster_artifact_id }) => ({
        position,
        artifact_id: poster_artifact_id ?? '',
      })),
      hls,
      storyboard,
      manifest: await shelf.text(
        'manifest.json',
        JSON.stringify(manifest, null, 2),
        'manifest',
        'application/json',
      ),
      files: files + 1,
    };
    run.progress(1);
    return { status: 'completed', output, clips: drafts };
  },
};
