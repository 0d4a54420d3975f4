import fc from 'fast-check';
import { AgentError, type AgentRun } from './agent';
import { momentSelector } from './moment-selector.agent';
import type {
  AudioAnalystOutput,
  MomentSelectorOutput,
  SceneDetectorOutput,
  Span,
  SpeechDetectorOutput,
  VisualScorerOutput,
} from './support/outputs';
import { shotsBetween } from './support/cuts';

const header = { schema_version: 1 as const, engine: 'test', params: {} };
const file = { artifact_id: 'a', name: 'n', size: 1, sha256: 'x' };

interface Facts {
  durationS: number;
  fps?: number;
  cuts?: number[];
  blacks?: Span[];
  freezes?: Span[];
  sound?: { rms_db: number[]; silences: Span[] };
  speech?: Span[];
  motion?: number[];
  settings?: Record<string, unknown>;
}

async function select(facts: Facts): Promise<MomentSelectorOutput> {
  const { durationS, fps = 25, cuts = [], blacks = [], freezes = [], sound } = facts;
  const scored = cuts.map((time_s) => ({ time_s, score: 50 }));
  const scenes: SceneDetectorOutput = {
    ...header,
    cuts: scored,
    blacks,
    freezes,
    shots: shotsBetween(scored, durationS),
  };
  const audio: AudioAnalystOutput | undefined = sound && {
    ...header,
    ...sound,
    integrated_lufs: -20,
    range_lu: 3,
    true_peak_dbtp: -1,
    waveform: file,
  };
  const spoken = (facts.speech ?? []).reduce((sum, span) => sum + length(span), 0);
  const speech: SpeechDetectorOutput = {
    ...header,
    segments: facts.speech ?? [],
    speech_ratio: spoken / durationS,
    probability: [],
  };
  const picture: VisualScorerOutput = {
    ...header,
    motion: facts.motion ?? [],
    brightness: Array<number>(Math.ceil(durationS)).fill(0.5),
    saturation: [],
    blur: null,
    content: null,
    faces: null,
  };
  const proxy = { ...file, width: 320, height: 180, fps, frames: Math.round(durationS * fps) };
  const run = {
    settings: facts.settings ?? {},
    inputs: {
      normaliser: { ...header, proxy, audio: null, duration_s: durationS, tone_mapped: false },
      'scene-detector': scenes,
      ...(audio ? { 'audio-analyst': audio } : {}),
      ...(facts.speech ? { 'speech-detector': speech } : {}),
      ...(facts.motion ? { 'visual-scorer': picture } : {}),
    },
    progress: () => undefined,
    signal: new AbortController().signal,
  } as unknown as AgentRun;
  const result = await momentSelector.run(run);
  return (result as { output: MomentSelectorOutput }).output;
}

const length = ({ start_s, end_s }: Span) => end_s - start_s;

describe('moment-selector', () => {
  it('cuts at cuts, within the allowed lengths', async () => {
    const { clips } = await select({ durationS: 100, cuts: [18, 40, 61, 80] });

    expect(clips).toHaveLength(3);
    const edges = [0, 18, 40, 61, 80, 100];
    for (const clip of clips) {
      expect(edges).toContain(clip.start_s);
      expect(edges).toContain(clip.end_s);
      expect(length(clip)).toBeGreaterThanOrEqual(8);
      expect(length(clip)).toBeLessThanOrEqual(60);
    }
  });

  it('prefers what is louder', async () => {
    const rms = Array.from({ length: 60 }, (_, second) => (second >= 40 ? -10 : -40));
    const { clips } = await select({
      durationS: 60,
      cuts: [20, 40],
      sound: { rms_db: rms, silences: [] },
      settings: { count: 1 },
    });

    expect(clips[0]).toMatchObject({ start_s: 40, end_s: 60 });
    expect(clips[0]?.reasons.find(({ name }) => name === 'loudness')?.sentence).toBe(
      'Louder than the rest of the video (-10.0 dB, the whole -30.0 dB).',
    );
  });

  const reasonOf = (found: MomentSelectorOutput, name: string) =>
    found.clips[0]?.reasons.find((reason) => reason.name === name);

  it('prefers where somebody speaks, and says for how much of it', async () => {
    const found = await select({
      durationS: 60,
      cuts: [20, 40],
      speech: [{ start_s: 42, end_s: 58 }],
      settings: { count: 1 },
    });

    expect(found.clips[0]).toMatchObject({ start_s: 40, end_s: 60 });
    expect(reasonOf(found, 'speech')).toMatchObject({
      value: 0.8,
      sentence: 'Somebody speaks for 80 % of it.',
    });
    expect(reasonOf(found, 'mid_speech')?.value).toBe(0);
  });

  it('cuts nobody short where it can begin in a pause', async () => {
    const speech = [
      { start_s: 0, end_s: 14 },
      { start_s: 16, end_s: 34 },
      { start_s: 36, end_s: 60 },
    ];
    const { clips } = await select({ durationS: 60, cuts: [10, 30, 50], speech, settings: { count: 1 } });

    expect([0, 15, 35]).toContain(clips[0]?.start_s);
    expect([15, 35, 60]).toContain(clips[0]?.end_s);
  });

  it('prefers what moves, and says how much', async () => {
    const motion = Array.from({ length: 60 }, (_, second) => (second >= 20 && second < 40 ? 9 : 1));
    const found = await select({ durationS: 60, cuts: [20, 40], motion, settings: { count: 1 } });

    expect(found.clips[0]).toMatchObject({ start_s: 20, end_s: 40 });
    expect(reasonOf(found, 'motion')?.sentence).toBe(
      'More motion than the rest of the video (9.0, the whole 3.7).',
    );
  });

  it('gives no weight to speech where there is hardly any in the whole video', async () => {
    const found = await select({ durationS: 60, cuts: [20, 40], speech: [{ start_s: 1, end_s: 1.5 }] });

    expect(found.clips[0]?.reasons.map(({ name }) => name)).not.toContain('speech');
  });

  it('avoids silence, black and frozen pictures', async () => {
    const at = { durationS: 60, cuts: [20, 40], settings: { count: 1 } };
    const silent = {
      rms_db: Array<number>(60).fill(-20),
      silences: [
        { start_s: 0, end_s: 20 },
        { start_s: 40, end_s: 60 },
      ],
    };

    expect((await select({ ...at, sound: silent })).clips[0]).toMatchObject({ start_s: 20, end_s: 40 });
    const dead = { blacks: [{ start_s: 0, end_s: 20 }], freezes: [{ start_s: 20, end_s: 40 }] };
    expect((await select({ ...at, ...dead })).clips[0]).toMatchObject({ start_s: 40, end_s: 60 });
  });

  it('takes a talk over slides for alive, and prefers a moving picture', async () => {
    const talk = {
      durationS: 120,
      cuts: [20, 40, 60, 80, 100],
      sound: { rms_db: Array<number>(120).fill(-20), silences: [] },
      freezes: [{ start_s: 0, end_s: 100 }],
    };
    const { clips } = await select(talk);

    expect(clips).toHaveLength(3);
    expect(clips[0]).toMatchObject({ start_s: 100, end_s: 120 });
    expect(clips[1]?.reasons.find(({ name }) => name === 'still_picture')?.value).toBe(1);
  });

  it('shares the weight of missing sound out among the rest', async () => {
    const { clips } = await select({ durationS: 60, cuts: [20, 40] });
    const reasons = clips[0]?.reasons ?? [];

    expect(reasons.map(({ name }) => name)).toEqual([
      'variety',
      'edges',
      'length',
      'dead_picture',
      'still_picture',
    ]);
    const sum = reasons.filter(({ weight }) => weight > 0).reduce((total, { weight }) => total + weight, 0);
    expect(sum).toBeCloseTo(1, 2);
  });

  it('gives every clip its reasons in words', async () => {
    const { clips } = await select({ durationS: 30, blacks: [{ start_s: 5, end_s: 6 }] });

    for (const clip of clips)
      for (const reason of clip.reasons) expect(reason.sentence).toMatch(/^[A-Z0-9].*\.$/);
  });

  it('takes the whole of a video that is shorter than the shortest clip', async () => {
    const { clips, note } = await select({ durationS: 5, cuts: [2] });

    expect(clips).toMatchObject([{ position: 1, start_s: 0, end_s: 5 }]);
    expect(note).toBe('The video has room for 1 of 3 clips.');
  });

  it('gives a clip even when all of it is black, but only one', async () => {
    const { clips } = await select({ durationS: 100, blacks: [{ start_s: 0, end_s: 100 }] });

    expect(clips).toHaveLength(1);
  });

  it('always gives clips that fit: on frames, inside, apart, in whatever video', async () => {
    const times = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
    const videos = fc.record({
      durationS: fc.double({ min: 3, max: 400, noNaN: true }),
      fps: fc.constantFrom(10, 23.976, 25, 30),
      cuts: times,
      spans: times,
      count: fc.integer({ min: 1, max: 6 }),
      loud: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(videos, async ({ durationS, fps, cuts, spans, count, loud }) => {
        const inside = (part: number) => part * durationS;
        const some = spans.map((start) => ({
          start_s: inside(start),
          end_s: inside(Math.min(1, start + 0.1)),
        }));
        const { clips } = await select({
          durationS,
          fps,
          cuts: cuts.map(inside).sort((a, b) => a - b),
          blacks: some,
          ...(loud ? { sound: { rms_db: cuts.map((cut) => -120 * cut), silences: some } } : {}),
          settings: { count },
        });

        expect(clips.length).toBeGreaterThanOrEqual(1);
        expect(clips.length).toBeLessThanOrEqual(count);
        const ordered = [...clips].sort((a, b) => a.start_s - b.start_s);
        for (const [index, clip] of ordered.entries()) {
          expect(clip.start_s).toBeGreaterThanOrEqual(0);
          expect(clip.end_s).toBeLessThanOrEqual(durationS + 1e-5);
          expect(length(clip)).toBeGreaterThan(Math.min(8, durationS) - 2 / fps);
          expect(Math.abs(clip.start_s * fps - Math.round(clip.start_s * fps))).toBeLessThan(1e-3);
          expect(clip.score).toBeGreaterThanOrEqual(0);
          expect(clip.score).toBeLessThanOrEqual(1);
          expect(clip.start_s).toBeGreaterThanOrEqual((ordered[index - 1]?.end_s ?? 0) - 1e-5);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('follows what moves through a still picture, where there are neither cuts nor sound', async () => {
    const passing = [31, 64, 98];
    const moves = (second: number) => passing.some((start) => second >= start && second < start + 6);
    const freezes = [...passing, 120].map((end_s, index) => ({
      start_s: index === 0 ? 0 : (passing[index - 1] ?? 0) + 6,
      end_s,
    }));
    const motion = Array.from({ length: 120 }, (_, second) => (moves(second) ? 15 : 0.5));
    const { clips } = await select({ durationS: 120, freezes, motion });

    expect(clips.map(({ start_s }) => start_s).sort((a, b) => a - b)).toHaveLength(3);
    for (const start of passing)
      expect(clips.filter((clip) => clip.start_s <= start && clip.end_s >= start + 6)).toHaveLength(1);
    for (const clip of clips) expect(length(clip)).toBeLessThan(20);
  });

  it('finds the best of what is poor throughout', async () => {
    const freezes = [{ start_s: 0, end_s: 100 }];
    const motion = Array.from({ length: 100 }, (_, second) => (second >= 60 && second < 80 ? 3 : 0));
    const { clips } = await select({ durationS: 100, freezes, motion });

    expect(clips[0]?.start_s).toBeGreaterThanOrEqual(50);
    expect(clips[0]?.end_s).toBeLessThanOrEqual(90);
  });

  it('gives the same clips for the same inputs', async () => {
    const facts = { durationS: 90, cuts: [9, 18, 27, 36, 45, 54, 63, 72, 81] };

    expect(await select(facts)).toEqual(await select(facts));
  });

  it('chooses from all of a long and busy video, and lets other work go on meanwhile', async () => {
    const cuts = Array.from({ length: 7_199 }, (_, index) => (index + 1) * 2);
    const rms_db = Array.from({ length: 14_400 }, (_, second) => (second > 14_000 ? -10 : -30));
    let turns = 0;
    const watch = setInterval(() => (turns += 1), 0);
    const { clips } = await select({ durationS: 14_400, cuts, sound: { rms_db, silences: [] } });
    clearInterval(watch);

    for (const clip of clips) expect(clip.start_s).toBeGreaterThan(13_900);
    expect(turns).toBeGreaterThan(20);
  });

  it.each([
    { count: 0 },
    { count: 1.5 },
    { min_s: 50, max_s: 20 },
    { weights: { loudness: 2 } },
    { target_s: 'x' },
  ])('refuses the settings %j', async (settings) => {
    const refused = await select({ durationS: 60, settings }).catch((error: unknown) => error);

    expect(refused).toBeInstanceOf(AgentError);
    expect(refused).toMatchObject({ code: 'INVALID_SETTING', options: { retryable: false } });
  });
});
