import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun, PublishedArtifact } from './agent';
import { AgentError } from './agent-error';
import { recogniserOf, type Heard } from './captions/recogniser';
import { cuesWithin, decodeSubtitles, parseSubtitles, toSrt, toVtt, type Cue } from './captions/subtitles';
import { skipped } from './skip';
import { finishAndPublish, partName } from './support/files';
import {
  SCHEMA_VERSION,
  findInput,
  requireInput,
  type CaptionedClip,
  type CaptionerOutput,
  type SelectedClip,
} from './support/outputs';
import { agentSettings, choiceSetting, numberSetting } from './support/settings';
import { Coverage } from './support/windows';

const SETTINGS = agentSettings(
  {
    /** `auto`: what was uploaded, else speech recognition; `uploaded`: nothing but that; `off`: none at all. */
    source: 'auto',
    /** Recognised words that are less certain are dropped, 0..1. */
    min_confidence: 0.3,
  },
  (settings) => ({
    source: choiceSetting(settings, 'source', ['auto', 'uploaded', 'off']),
    minConfidence: numberSetting(settings, 'min_confidence', 0, 1),
  }),
);

/** An uploaded subtitle file may be so large, in bytes. */
export const MAX_CAPTIONS_BYTES = 4_194_304;

/** Reads the file that came with the job. @throws AgentError DAMAGED */
async function uploadedCues(path: string): Promise<Cue[]> {
  const { size } = await stat(path);
  const cues = size > MAX_CAPTIONS_BYTES ? [] : parseSubtitles(decodeSubtitles(await readFile(path)));
  if (cues.length === 0)
    throw new AgentError('DAMAGED', 'The uploaded subtitles hold no subtitle. Upload an .srt or .vtt file.', {
      retryable: false,
    });
  return cues;
}

/** Publishes a clip's subtitles in both formats; players on the web want WebVTT, editors SubRip. */
async function publish(run: AgentRun, position: number, cues: readonly Cue[]) {
  const file = async (name: string, content: string, contentType: string): Promise<PublishedArtifact> => {
    await writeFile(join(run.workDir, partName(name, run.attempt)), content);
    return finishAndPublish(run, name, 'captions', contentType);
  };
  return {
    srt: await file(`clip-${position}.srt`, toSrt(cues), 'application/x-subrip'),
    vtt: await file(`clip-${position}.vtt`, toVtt(cues), 'text/vtt'),
  };
}

/** Cuts the sound of a clip out of the analysis copy. */
async function cutSound(run: AgentRun, sound: string, clip: SelectedClip): Promise<string> {
  const name = `clip-${clip.position}.wav`;
  const durationS = clip.end_s - clip.start_s;
  await run.tools.ffmpeg({
    inputs: [{ path: sound, seekS: clip.start_s, maxDurationS: durationS, ownWav: true }],
    output: ['-map', '0:a:0', '-c:a', 'pcm_s16le', '-ar', '16000', '-ac', '1', name],
    cwd: run.workDir,
    signal: run.signal,
    durationS,
  });
  return join(run.workDir, name);
}

const NOTHING: Heard = { cues: [], words: [], language: null, dropped: 0 };

/** Makes subtitles for the chosen clips: from the file that came with the job, else by speech recognition. */
export const captioner: Agent = {
  id: 'captioner',
  version: '1.0.0',
  title: 'Captioner',
  needs: ['moment-selector'],
  defaults: SETTINGS.defaults,
  timeoutS: 7200,
  maxAttempts: 3,
  weight: 5,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { params, rules } = SETTINGS.of(run);
    const { source, minConfidence } = rules;
    const { clips } = requireInput(run, 'moment-selector');
    if (source === 'off') return skipped('switched_off');
    if (run.captions) {
      const cues = await uploadedCues(run.captions.path);
      const captioned: CaptionedClip[] = [];
      for (const { position, start_s, end_s } of clips) {
        const own = cuesWithin(cues, start_s, end_s);
        captioned.push({ position, cues: own.length, words: [], ...(await publish(run, position, own)) });
      }
      return completed(run, params, { origin: 'uploaded', engine: 'captioner 1.0.0' }, captioned);
    }
    const { audio } = requireInput(run, 'normaliser');
    if (!audio) return skipped('no_audio');
    const recogniser = source === 'auto' ? recogniserOf(run, minConfidence) : undefined;
    if (!recogniser) return skipped('no_captions');

    const sound = await run.open(audio.artifact_id);
    const speech = findInput(run, 'speech-detector');
    const spoken = speech && new Coverage(speech.segments);
    const captioned: CaptionedClip[] = [];
    let [language, dropped]: [string | null, number] = [null, 0];
    for (const [index, clip] of clips.entries()) {
      const silent = spoken?.share(clip.start_s, clip.end_s) === 0;
      // A recogniser hears words in music too: where nobody speaks it is not asked.
      const found = silent
        ? NOTHING
        : await recogniser.hear(await cutSound(run, sound, clip), clip.end_s - clip.start_s);
      const { position } = clip;
      const files = await publish(run, position, found.cues);
      captioned.push({ position, cues: found.cues.length, words: found.words, ...files });
      language ??= found.language;
      dropped += found.dropped;
      run.progress((index + 1) / clips.length);
    }
    return completed(run, params, { ...recogniser, language, dropped }, captioned);
  },
};

function completed(
  run: AgentRun,
  params: Record<string, unknown>,
  by: { origin: CaptionerOutput['origin']; engine: string; language?: string | null; dropped?: number },
  clips: CaptionedClip[],
): AgentResult {
  const output: CaptionerOutput = {
    schema_version: SCHEMA_VERSION,
    engine: by.engine,
    params,
    origin: by.origin,
    // Recognised by pocketsphinx, about every third word is wrong.
    draft: by.origin === 'pocketsphinx',
    language: by.language ?? null,
    dropped_words: by.dropped ?? 0,
    clips,
  };
  run.progress(1);
  return { status: 'completed', output };
}
