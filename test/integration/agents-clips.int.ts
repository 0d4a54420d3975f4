import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SpeechToText } from '../../src/media/tools/capabilities';
import { readFrameFields } from '../../src/media/tools/detectors';
import { MediaTools } from '../../src/media/tools/media-tools';
import { outputOf, runChain, type Chain, type ChainOptions } from '../support/media/agent-chain';
import { eventually } from '../support/eventually';
import { mediaTools } from '../support/media-tools';
import type { Specimens } from '../support/media/specimens';
import { openStudio } from '../support/media/studio';

let dir: string;
let tools: MediaTools;
let specimens: Specimens;
/** Up to the chosen moment, which is the whole video. */
let base: Chain;

beforeAll(async () => {
  ({ dir, tools, specimens } = await openStudio('clips'));
  const settings = { 'moment-selector': { count: 1, min_s: 60, max_s: 60 } };
  base = await runChain(await specimens.spoken(), { tools, dir, settings, until: 'moment-selector' });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** The tools with other speech recognition than this machine happens to have. */
function hearing(speechToText: SpeechToText): MediaTools {
  return new MediaTools({ ...tools.capabilities, speechToText }, join(dir, 'pids'));
}

async function script(body: string): Promise<string> {
  const path = join(await mkdtemp(join(dir, 'script-')), 'asr');
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

const run = (options: Partial<ChainOptions> = {}) =>
  runChain(specimens.at('spoken.mp4'), { tools, dir, base, since: 'captioner', ...options });
const textOf = async (chain: Chain, id = '') => readFile(chain.published.get(id)?.path ?? '', 'utf8');

describe('subtitles that were uploaded', () => {
  let chain: Chain;

  beforeAll(async () => {
    const captions = await specimens.bytes(
      'uploaded.srt',
      '1\n00:00:03,000 --> 00:00:05,000\n<b>Hello</b> {\\an8}there\n\n2\n00:00:14,000 --> 00:00:16,000\nYou\n',
    );
    const settings = { 'clip-renderer': { burn_captions: 'final', formats: ['original'] } };
    chain = await run({ captions, settings });
  });

  it('come out for each clip as SubRip and WebVTT, without markup', async () => {
    const { origin, draft, clips } = outputOf(chain, 'captioner');

    expect({ origin, draft, cues: clips[0]?.cues }).toEqual({ origin: 'uploaded', draft: false, cues: 2 });
    expect(await textOf(chain, clips[0]?.srt.artifact_id)).toBe(
      '1\n00:00:03,000 --> 00:00:05,000\nHello there\n\n2\n00:00:14,000 --> 00:00:16,000\nYou\n',
    );
    expect(await textOf(chain, clips[0]?.vtt.artifact_id)).toContain('00:00:14.000 --> 00:00:16.000\nYou\n');
    const result = chain.results.packager;
    expect(result?.status === 'completed' && result.clips?.[0]?.captions).toMatchObject({
      origin: 'uploaded',
      srt_artifact_id: clips[0]?.srt.artifact_id,
    });
  });

  it('are a track of the stream, which names only what lies beside it', async () => {
    const result = chain.results.packager;
    const [variant] = (result?.status === 'completed' ? result.clips?.[0]?.variants : undefined) ?? [];
    const named = (text: string) => [...text.matchAll(/URI="([^"]+)"|^([^#\s].*)$/gm)].map(([, uri, line]) => uri ?? line ?? ''); // prettier-ignore
    const byName = new Map([...chain.published.values()].filter(({ kind }) => kind === 'hls').map((file) => [file.name, file])); // prettier-ignore
    const master = await textOf(chain, variant?.hls_artifact_id ?? '');

    expect(master).toMatch(
      /BANDWIDTH=[1-9]\d+,.*CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2",RESOLUTION=\d+x\d+,SUBTITLES="captions"/,
    );
    expect(named(master)).toEqual(['clip-1-original-hls-captions.m3u8', 'clip-1-original-hls-media.m3u8']);
    for (const name of named(master)) {
      const files = named(await textOf(chain, byName.get(name)?.artifact_id));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) expect(byName.get(file)?.size).toBeGreaterThan(0);
    }
    const vtt = byName.get('clip-1-original-hls-captions.vtt')?.artifact_id;
    expect(await textOf(chain, vtt)).toContain('You');
  });

  it('make a stream in which ffprobe, which knows no subtitles of such, finds picture and sound', async () => {
    const folder = await mkdtemp(join(dir, 'hls-'));
    const files = [...chain.published.values()].filter(({ kind }) => kind === 'hls');
    for (const { path, name } of files) await copyFile(path, join(folder, name));
    const result = chain.results.packager;
    const [variant] = (result?.status === 'completed' ? result.clips?.[0]?.variants : undefined) ?? [];
    const master = chain.published.get(variant?.hls_artifact_id ?? '')?.name ?? '';
    const { ffprobe } = await mediaTools();
    const asked = ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0'];
    const { stdout } = await promisify(execFile)(ffprobe, [...asked, join(folder, master)]);

    expect(new Set(stdout.trim().split(/\s+/))).toEqual(new Set(['h264', 'aac']));
  });

  it('are drawn into the picture if asked for, where they belong', async () => {
    const clip = outputOf(chain, 'clip-renderer').clips[0];
    const { path = '' } = chain.published.get(clip?.variants[0]?.file.artifact_id ?? '') ?? {};
    await tools.ffmpeg({
      inputs: [{ path, maxDurationS: 30 }],
      output: ['-vf', 'fps=1,signalstats,metadata=print:file=light.txt', '-f', 'null', '-'],
      cwd: dir,
      signal: AbortSignal.timeout(20_000),
      durationS: 20,
    });
    const frames = await readFrameFields(join(dir, 'light.txt'), ['lavfi.signalstats.YMAX']);
    const brightest = (second: number) =>
      frames.find(({ timeS }) => Math.round(timeS) === second)?.fields['lavfi.signalstats.YMAX'] ?? 0;

    // White letters on the grey plane of the second half.
    expect(brightest(15)).toBeGreaterThan(200);
    expect(brightest(18)).toBeLessThan(160);
  });

  it('that hold none are refused with a reason', async () => {
    const captions = await specimens.bytes('wrong.srt', 'This is a letter.');
    await expect(run({ captions, until: 'captioner' })).rejects.toMatchObject({
      code: 'DAMAGED',
      options: { retryable: false },
    });
  });
});

describe('speech recognition', () => {
  const words = JSON.stringify({
    language: 'en',
    words: [
      { text: 'not', start_s: 2.6, end_s: 3, confidence: 0.9 },
      { text: 'clear', start_s: 3, end_s: 3.3, confidence: 0.2 },
    ],
  });

  it("by the operator's command gets the clip's sound, and its words become subtitles", async () => {
    const command = [await script(`head -c 4 "$2"; echo; cat <<'E'\n${words}\nE`), '--in', '{audio}'];
    await expect(run({ tools: hearing({ command }), until: 'captioner' })).rejects.toMatchObject({
      code: 'TOOL_FAILED',
      options: { detail: expect.stringMatching(/^RIFF/) as string },
    });
    const good = [await script(`cat <<'E'\n${words}\nE`), '{audio}'];
    const chain = await run({ tools: hearing({ command: good }), until: 'captioner' });

    expect(outputOf(chain, 'captioner')).toMatchObject({
      origin: 'command',
      draft: false,
      language: 'en',
      dropped_words: 1,
      clips: [{ cues: 1, words: [{ text: 'not', start_s: 2.6 }] }],
    });
  });

  it('by pocketsphinx is marked as a draft', async () => {
    const path = await script('printf "he was\\n<s> 0.1 0.2 1.0\\nhe 2.2 2.3 0.99\\nwas(2) 2.3 2.5 0.1\\n"');
    const chain = await run({ tools: hearing({ pocketsphinx: path }), until: 'captioner' });

    expect(outputOf(chain, 'captioner')).toMatchObject({
      origin: 'pocketsphinx',
      draft: true,
      dropped_words: 1,
      clips: [{ words: [{ text: 'he' }] }],
    });
  });

  it('is stopped with its job, and its process with it', async () => {
    const command = [await script('sleep 300 & wait'), '{audio}'];
    const abort = new AbortController();
    const running = run({ tools: hearing({ command }), signal: abort.signal });
    const failed = expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    await eventually(async () => expect(await readdir(join(dir, 'pids'))).toHaveLength(1));
    abort.abort();

    await failed;
    expect(await readdir(join(dir, 'pids'))).toEqual([]);
  });

  it.each([
    ['there is none', {}, 'no_captions'],
    ['it is switched off', { captioner: { source: 'off' } }, 'switched_off'],
  ])('is left out, saying so, when %s', async (_case, settings, reason) => {
    const chain = await run({
      tools: hearing({}),
      until: 'captioner',
      settings,
    });
    expect(chain.results.captioner).toEqual({ status: 'skipped', reason });
  });
});

describe('the quality gate', () => {
  /** Renders with some settings; the gate then judges the same clips again and again. */
  let good: Chain;
  let poor: Chain;

  const render = (crf: number) => {
    const settings = { 'clip-renderer': { remove_bars: false, formats: ['16x9'], crf } };
    return run({ tools: hearing({}), until: 'clip-renderer', settings });
  };
  const judge = (rendered: Chain, settings: Record<string, unknown> = {}) =>
    run({
      base: rendered,
      since: 'quality-gate',
      until: 'quality-gate',
      settings: { 'quality-gate': settings },
    });
  const quality = (chain: Chain) => outputOf(chain, 'quality-gate').clips[0]?.quality;
  const valueOf = (chain: Chain, name: string) =>
    quality(chain)?.checks.find((check) => check.name === name)?.value ?? NaN;

  beforeAll(async () => {
    good = await render(21);
    poor = await render(40);
  });

  it('passes a good clip with what it measured', async () => {
    const chain = await judge(good);

    expect(quality(chain)).toMatchObject({ needs_review: false, rerendered: false });
    expect(valueOf(chain, 'ssim')).toBeGreaterThan(0.9);
    expect(valueOf(chain, 'true_peak_dbtp')).toBeLessThanOrEqual(-1);
    expect(valueOf(chain, 'still_share')).toBeCloseTo(0.5, 1);
  });

  it('has a poor one encoded better, once', async () => {
    const before = valueOf(await judge(poor, { rerender: false }), 'ssim');
    const chain = await judge(poor, { min_ssim: before + 0.002 });

    expect(quality(chain)).toMatchObject({ needs_review: false, rerendered: true });
    expect(valueOf(chain, 'ssim')).toBeGreaterThan(before);
    expect(outputOf(chain, 'quality-gate').clips[0]?.variants[0]?.file.artifact_id).not.toBe(
      outputOf(chain, 'clip-renderer').clips[0]?.variants[0]?.file.artifact_id,
    );
  });

  it('asks for a person where encoding again does not help', async () => {
    expect(quality(await judge(good, { max_still_share: 0.3 }))).toMatchObject({
      needs_review: true,
      rerendered: false,
    });
    expect(quality(await judge(good, { min_ssim: 1 }))).toMatchObject({
      needs_review: true,
      rerendered: true,
    });
  });
});
