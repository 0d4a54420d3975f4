import type {
  Agent,
  AgentResult,
  AgentRun,
  ClipCaptionsDraft,
  ClipDraft,
  ClipVariantDraft,
  PublishedArtifact,
} from './agent';
import { AgentError } from './agent-error';
import { makeHls } from './support/hls';
import {
  SCHEMA_VERSION,
  findInput,
  part,
  requireInput,
  type ClipQuality,
  type OutputHeader,
  type RenderedClip,
} from './support/outputs';
import { makePoster, makeStoryboard, type Storyboard } from './support/pictures';
import { agentSettings, flagSetting } from './support/settings';
import { Shelf } from './support/shelf';

const SETTINGS = agentSettings({ hls: true, storyboard: true }, (settings) => ({
  hls: flagSetting(settings, 'hls'),
  storyboard: flagSetting(settings, 'storyboard'),
}));

interface PackagerOutput extends OutputHeader {
  posters: { position: number; artifact_id: string }[];
  /** The playlist of each variant; empty when HLS is switched off. */
  hls: { position: number; format: string; artifact_id: string }[];
  storyboard: Storyboard | null;
  manifest: PublishedArtifact;
  files: number;
}

type FinishedClip = RenderedClip & { quality?: ClipQuality };

/** The clips as they left the quality gate; a job from before there was one has them from the renderer. */
function finishedClips(run: AgentRun): FinishedClip[] {
  return (findInput(run, 'quality-gate') ?? requireInput(run, 'clip-renderer')).clips;
}

/** Notes what the earlier steps published, so that the manifest is complete. */
function noteEarlier(run: AgentRun, shelf: Shelf, clips: readonly RenderedClip[]): void {
  const { proxy, audio } = requireInput(run, 'normaliser');
  shelf.note(proxy, 'proxy');
  if (audio) shelf.note(audio, 'audio');
  const waveform = findInput(run, 'audio-analyst')?.waveform;
  if (waveform) shelf.note(waveform, 'waveform');
  for (const { srt, vtt } of findInput(run, 'captioner')?.clips ?? []) {
    shelf.note(srt, 'captions');
    shelf.note(vtt, 'captions');
  }
  for (const clip of clips) for (const { file } of clip.variants) shelf.note(file, 'clip');
}

/** The subtitles of a clip; null when nothing is said in it. */
function captionsOf(run: AgentRun, position: number): ClipCaptionsDraft | null {
  const captioner = findInput(run, 'captioner');
  const clip = captioner?.clips.find((other) => other.position === position);
  if (!captioner || !clip || clip.cues === 0) return null;
  const { origin, draft, language } = captioner;
  const [srt_artifact_id, vtt_artifact_id] = [clip.srt.artifact_id, clip.vtt.artifact_id];
  return { origin, draft, language, srt_artifact_id, vtt_artifact_id };
}

/** Makes all that belongs to one clip. */
async function packageClip(
  run: AgentRun,
  shelf: Shelf,
  clip: FinishedClip,
  hls: boolean,
  storyboard: Storyboard | null,
): Promise<ClipDraft> {
  const { position, start_s, end_s, score, reasons, quality } = clip;
  const [main] = clip.variants;
  if (!main) throw new AgentError('MISSING_INPUT');
  const poster = await makePoster(run, shelf, position, main);
  const captions = captionsOf(run, position);
  const variants: ClipVariantDraft[] = [];
  for (const variant of clip.variants) {
    const { format, width, height, duration_s, file } = variant;
    const stem = `clip-${position}-${format}-hls`;
    const playlist = hls ? await makeHls(run, shelf, stem, variant, captions) : null;
    const hls_artifact_id = playlist?.artifact_id ?? null;
    variants.push({ format, width, height, duration_s, artifact_id: file.artifact_id, hls_artifact_id });
  }
  return {
    ...{ position, start_s, end_s, score, reasons, variants },
    poster_artifact_id: poster.artifact_id,
    storyboard_artifact_id: storyboard?.vtt_artifact_id ?? null,
    captions,
    needs_review: quality?.needs_review ?? false,
    checks: quality?.checks ?? [],
  };
}

/** Makes what belongs to the clips: posters, streams, a storyboard, and a manifest with the hash of every file. */
export const packager: Agent = {
  id: 'packager',
  version: '2.1.0',
  title: 'Packager',
  needs: ['quality-gate'],
  defaults: SETTINGS.defaults,
  timeoutS: 1800,
  maxAttempts: 3,
  weight: 5,
  essential: true,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const source = requireInput(run, 'inspector');
    const { params, rules } = SETTINGS.of(run);
    const clips = finishedClips(run);
    const shelf = new Shelf(run);
    noteEarlier(run, shelf, clips);

    const storyboard = rules.storyboard
      ? await makeStoryboard(run, shelf, requireInput(run, 'normaliser'))
      : null;
    const drafts: ClipDraft[] = [];
    const progress = part(run, 0.2, 0.98);
    for (const [index, clip] of clips.entries()) {
      drafts.push(await packageClip(run, shelf, clip, rules.hls, storyboard));
      progress((index + 1) / clips.length);
    }
    const manifest = {
      schema_version: SCHEMA_VERSION,
      job_id: run.jobId,
      source: { filename: run.source.filename, size: run.source.size, sha256: source.sha256 },
      clips: drafts,
      files: shelf.files,
    };
    const files = shelf.files.length;
    const text = JSON.stringify(manifest, null, 2);
    const output: PackagerOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      posters: drafts.map(({ position, poster_artifact_id }) => ({
        position,
        artifact_id: poster_artifact_id ?? '',
      })),
      hls: drafts.flatMap(({ position, variants }) =>
        variants.flatMap(({ format, hls_artifact_id }) =>
          hls_artifact_id === null ? [] : [{ position, format, artifact_id: hls_artifact_id }],
        ),
      ),
      storyboard,
      manifest: await shelf.text('manifest.json', text, 'manifest', 'application/json'),
      files: files + 1,
    };
    run.progress(1);
    return { status: 'completed', output, clips: drafts };
  },
};
