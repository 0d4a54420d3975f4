import { readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { ClipDraft } from '../../src/media/agents/agent';
import { AGENTS } from '../../src/media/agents';
import { isFaststart } from '../../src/media/agents/support/files';
import type { MediaTools } from '../../src/media/tools/media-tools';
import { outputOf, runChain, type Chain } from '../support/media/agent-chain';
import type { Specimens } from '../support/media/specimens';
import { openStudio } from '../support/media/studio';

const FPS = 25;
/** One frame of video, or 30 ms of sound: what the detectors may be off by. */
const FRAME_S = 1 / FPS + 1e-6;
const SOUND_S = 0.03;

let dir: string;
let tools: MediaTools;
let specimens: Specimens;

beforeAll(async () => {
  ({ dir, tools, specimens } = await openStudio('agents'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function expectNear(found: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((value, index) =>
    expect(Math.abs((found[index] ?? NaN) - value)).toBeLessThanOrEqual(tolerance),
  );
}
const edges = (spans: readonly { start_s: number; end_s: number }[]) =>
  spans.flatMap((s) => [s.start_s, s.end_s]);

describe('a video whose contents are known', () => {
  let chain: Chain;
  let clips: ClipDraft[];

  beforeAll(async () => {
    chain = await runChain(await specimens.truth(), { tools, dir });
    const result = chain.results.packager;
    clips = result?.status === 'completed' ? (result.clips ?? []) : [];
  });

  it('is found to be sound and measured right', () => {
    expect(outputOf(chain, 'inspector')).toMatchObject({
      verdict: 'ok',
      duration_s: 24,
      video: { codec: 'h264', width: 320, height: 180, fps: FPS, variable_rate: false, hdr: null },
      audio: { codec: 'aac', sample_rate: 48000 },
      decoded: { frames: 600, share: 1, error_lines: 0 },
      warnings: [],
    });
  });

  it('has its cuts, black and frozen stretches found to a frame', () => {
    const { cuts, blacks, freezes, shots } = outputOf(chain, 'scene-detector');

    expectNear(
      cuts.map((cut) => cut.time_s),
      [5, 9, 12, 14, 18],
      FRAME_S,
    );
    expectNear(edges(blacks), [12, 14], FRAME_S);
    expectNear(edges(freezes), [12, 14, 21, 24], FRAME_S);
    expect(shots).toHaveLength(6);
  });

  it('has its silences found to 30 ms, and its levels', () => {
    const { silences, rms_db, integrated_lufs, true_peak_dbtp } = outputOf(chain, 'audio-analyst');

    expectNear(edges(silences), [6, 8, 15, 18], SOUND_S);
    expect(rms_db).toHaveLength(24);
    expect(rms_db[7]).toBeLessThan(-100);
    expect(rms_db[3]).toBeCloseTo(-27.1, 0);
    expect(integrated_lufs).toBeLessThan(-20);
    expect(true_peak_dbtp).toBeLessThan(0);
  });

  it('becomes clips that are exact to the frame, H.264 and AAC, and play while being downloaded', async () => {
    expect(clips.length).toBeGreaterThanOrEqual(2);
    for (const clip of clips) {
      expect(clip.variants.map(({ format }) => format)).toEqual(['16x9', '9x16']);
      for (const variant of clip.variants) {
        const { path = '' } = chain.published.get(variant.artifact_id) ?? {};
        const { probe } = await tools.probe(path, { cwd: dir, signal: AbortSignal.timeout(20_000) });
        const [video, audio] = probe?.streams ?? [];
        const wantedS = clip.end_s - clip.start_s;

        expect(video).toMatchObject({
          codec: 'h264',
          pixelFormat: 'yuv420p',
          width: variant.width,
          height: variant.height,
        });
        expect(Math.abs((video?.frames ?? 0) - wantedS * FPS)).toBeLessThanOrEqual(1);
        expect(Math.abs((probe?.durationS ?? 0) - wantedS)).toBeLessThanOrEqual(FRAME_S);
        expect(audio).toMatchObject({ codec: 'aac', sampleRate: 48000, channels: 2 });
        expect(await isFaststart(path)).toBe(true);
      }
    }
  });

  it('leaves a manifest with the hash of every other file', async () => {
    const files = [...chain.published.values()];
    const manifest = files.find(({ kind }) => kind === 'manifest');
    const listed = JSON.parse(await readFile(manifest?.path ?? '', 'utf8')) as {
      files: { artifact_id: string; sha256: string }[];
    };

    expect(listed.files).toHaveLength(files.length - 1);
    for (const { artifact_id, sha256 } of listed.files) {
      const content = await readFile(chain.published.get(artifact_id)?.path ?? '');
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
  });

  it('leaves posters, streams, a storyboard, and nothing that is not finished', () => {
    const names = [...chain.published.values()].map(({ name }) => name);

    expect(names).toEqual(
      expect.arrayContaining([
        'clip-1-poster.jpg',
        'clip-1-16x9-hls.m3u8',
        'clip-1-16x9-hls-init.mp4',
        'clip-1-16x9-hls-001.m4s',
        'clip-1-9x16-hls.m3u8',
        'storyboard-1.jpg',
        'storyboard.vtt',
      ]),
    );
    expect(names.filter((name) => name.includes('.part-'))).toEqual([]);
  });

  it('reports progress that only rises and ends at 1', () => {
    for (const { id } of AGENTS) {
      // Nobody speaks in it, and nothing was uploaded: it may be left out.
      if (chain.results[id]?.status === 'skipped') continue;
      const fractions = chain.progress[id] ?? [];
      expect(fractions.at(-1)).toBe(1);
      expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    }
  });

  it('gives the same clips when it is run again', async () => {
    const again = await runChain(specimens.at('truth.mp4'), { tools, dir, until: 'clip-renderer' });
    const shape = (of: Chain) =>
      outputOf(of, 'clip-renderer').clips.map(({ start_s, end_s, variants }) => ({
        start_s,
        end_s,
        frames: variants.map(({ frames }) => frames),
      }));

    expect(shape(again)).toEqual(shape(chain));
  });
});

describe('an odd but good video', () => {
  /** One shape is enough where shapes are not the point: encoding is what takes the time. */
  const render = async (path: string, settings = {}, formats = ['16x9']) =>
    runChain(path, {
      tools,
      dir,
      settings: { 'clip-renderer': { formats }, ...settings },
      until: 'clip-renderer',
    });
  const BOTH = ['16x9', '9x16'];
  const first = (chain: Chain) => {
    const [clip] = outputOf(chain, 'clip-renderer').clips;
    if (!clip) throw new Error('There is no clip.');
    return clip;
  };
  const sizes = (chain: Chain) => first(chain).variants.map(({ width, height }) => `${width}x${height}`);

  it('without sound becomes clips with a silent track, and says so', async () => {
    const chain = await render(await specimens.noAudio());

    for (const agent of ['audio-analyst', 'speech-detector'] as const)
      expect(chain.results[agent]).toEqual({ status: 'skipped', reason: 'no_audio' });
    expect(first(chain).audio).toBe('silent');
    expect(first(chain).reasons.map(({ name }) => name)).not.toContain('loudness');
  });

  it('with a variable rate gets a constant one', async () => {
    const chain = await render(await specimens.variableRate());

    expect(outputOf(chain, 'inspector').video).toMatchObject({ variable_rate: true, frame_rate: null });
    expect(first(chain)).toMatchObject({ start_s: 0, end_s: 8 });
    expect(first(chain).variants[0]).toMatchObject({ fps: 30, frames: 240 });
  });

  it('that was held upright stays upright', async () => {
    const chain = await render(await specimens.rotated(), {}, BOTH);

    expect(outputOf(chain, 'inspector').video).toMatchObject({ coded_width: 160, width: 90, height: 160 });
    expect(sizes(chain)).toEqual(['160x90', '90x160']);
  });

  it('of odd size and other colour format gets even sizes', async () => {
    expect(sizes(await render(await specimens.oddSize(), {}, BOTH))).toEqual(['212x120', '120x214']);
  });

  it('whose pixels are not square gets square ones', async () => {
    expect(sizes(await render(await specimens.anamorphic()))).toEqual(['160x90']);
  });

  it('in HDR is converted for every screen', async () => {
    const chain = await render(await specimens.hdr());

    expect(outputOf(chain, 'inspector').video.hdr).toBe('pq');
    expect(outputOf(chain, 'normaliser').tone_mapped).toBe(true);
    expect(sizes(chain)).toEqual(['160x90']);
  });

  it('without a stated duration is measured', async () => {
    const chain = await render(await specimens.noDuration());

    expect(outputOf(chain, 'inspector')).toMatchObject({ claimed_duration_s: null, duration_s: 6 });
  });

  it('that breaks off is used as far as it goes, if asked for', async () => {
    const broken = await specimens.cut(await specimens.good(), 'half.mp4', 0.5);
    const chain = await render(broken, { inspector: { accept_partial: true } });

    expect(outputOf(chain, 'inspector').verdict).toBe('damaged');
    expect(first(chain).end_s).toBeLessThan(5);
  });

  it('with a few rotten places goes on, and says so', async () => {
    const chain = await render(await specimens.rot(await specimens.good(), 'rotten.mp4', 3, 20));

    expect(outputOf(chain, 'inspector').verdict).toBe('damaged');
    expect(outputOf(chain, 'inspector').warnings).toHaveLength(1);
    expect(first(chain).variants[0]?.frames).toBe(200);
  });

  it.each(['ts', 'mkv', 'avi', 'flv', 'mov'])('in a .%s file is cut as exactly', async (extension) => {
    const source = await specimens.good(`good.${extension}`, []);
    const chain = await render(source, { 'moment-selector': { min_s: 2, max_s: 3, target_s: 3 } });

    const [, later] = outputOf(chain, 'clip-renderer').clips.sort((a, b) => a.start_s - b.start_s);
    expect(later?.start_s).toBeGreaterThan(0);
    expect(later?.variants[0]?.frames).toBe(Math.round(((later?.end_s ?? 0) - (later?.start_s ?? 0)) * FPS));
  });

  it('has its sound to the end of each clip, also where the filter for loudness holds some of it back', async () => {
    const chain = await render(await specimens.beats(), {
      'moment-selector': { min_s: 2, max_s: 3, target_s: 3 },
    });

    const clips = outputOf(chain, 'clip-renderer').clips;
    expect(clips.length).toBeGreaterThan(1);
    for (const clip of clips) {
      const { path = '' } = chain.published.get(clip.variants[0]?.file.artifact_id ?? '') ?? {};
      const { probe } = await tools.probe(path, { cwd: dir, signal: AbortSignal.timeout(20_000) });
      const [, audio] = probe?.streams ?? [];
      expect(audio?.durationS).toBeCloseTo(clip.end_s - clip.start_s, 2);
    }
  });

  it('is brought to the wished loudness in two passes', async () => {
    const chain = await render(await specimens.good());
    const again = await runChain(
      chain.published.get(first(chain).variants[0]?.file.artifact_id ?? '')?.path ?? '',
      {
        tools,
        dir,
        until: 'audio-analyst',
      },
    );

    expect(outputOf(again, 'audio-analyst').integrated_lufs).toBeCloseTo(-16, 0);
  });
});
