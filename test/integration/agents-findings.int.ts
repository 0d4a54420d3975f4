import { rm } from 'node:fs/promises';
import type { MediaTools } from '../../src/media/tools/media-tools';
import { outputOf, runChain, type Chain } from '../support/media/agent-chain';
import type { Specimens } from '../support/media/specimens';
import { openStudio } from '../support/media/studio';

let dir: string;
let tools: MediaTools;
let specimens: Specimens;

beforeAll(async () => {
  ({ dir, tools, specimens } = await openStudio('findings'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** What the speech detector may be off by at an edge, in seconds. */
const SPEECH_S = 0.4;

describe('a video in which somebody speaks, in noise, beside a tone', () => {
  let chain: Chain;

  beforeAll(async () => {
    chain = await runChain(await specimens.spoken(), { tools, dir, until: 'moment-selector' });
  });

  it('has the speech found where it is, and neither tone nor noise taken for it', () => {
    const { segments, speech_ratio, probability } = outputOf(chain, 'speech-detector');

    expect(segments).toHaveLength(2);
    [2, 14].forEach((start, index) => {
      // The recording begins and ends with a breath of silence.
      expect(Math.abs((segments[index]?.start_s ?? 0) - start)).toBeLessThanOrEqual(SPEECH_S);
      expect(Math.abs((segments[index]?.end_s ?? 0) - start - 2.99)).toBeLessThanOrEqual(SPEECH_S);
    });
    expect(speech_ratio).toBeCloseTo((2 * 2.7) / 20, 1);
    expect(probability).toHaveLength(20);
    expect(probability[3]).toBeGreaterThan(0.7);
    expect(Math.max(...probability.slice(6, 13))).toBeLessThan(0.2);
  });

  it('has its black bars, its motion and its light measured second by second', () => {
    const { content, motion, brightness, saturation, blur, faces } = outputOf(chain, 'visual-scorer');

    // 136 of 180 lines, from line 22 on.
    expect(content).toEqual({ x: 0, y: 0.1222, width: 1, height: 0.7556 });
    expect([motion.length, brightness.length, saturation.length]).toEqual([20, 20, 20]);
    const half = (of: number[], from: number) => of.slice(from, from + 8).reduce((sum, x) => sum + x, 0) / 8;
    // A moving pattern for ten seconds, then a grey plane.
    expect(half(motion, 1)).toBeGreaterThan(5 * half(motion, 11) + 0.5);
    expect(half(saturation, 1)).toBeGreaterThan(half(saturation, 11) + 0.1);
    expect(blur === null).toBe(!tools.has('blurdetect'));
    expect(faces).toBeNull();
  });

  it('has clips chosen by it, with the numbers', () => {
    const { clips } = outputOf(chain, 'moment-selector');
    const names = clips[0]?.reasons.map(({ name }) => name);

    expect(names).toEqual(expect.arrayContaining(['speech', 'motion', 'loudness', 'mid_speech']));
    expect(clips[0]?.reasons.find(({ name }) => name === 'speech')?.sentence).toMatch(/speaks for \d+ %/);
  });
});

it('silence is no speech', async () => {
  const chain = await runChain(await specimens.silent(), { tools, dir, until: 'speech-detector' });

  expect(outputOf(chain, 'speech-detector')).toMatchObject({ segments: [], speech_ratio: 0 });
});
