import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FRAME_S, hasSpeechEngine, speechProbabilities } from './silero';

/** A WAV file of silence: mono, 16 kHz, 16 bit. A list comes before the samples, as ffmpeg writes one. */
function silence(seconds: number): Buffer {
  const samples = Buffer.alloc(seconds * 32_000);
  const header = Buffer.alloc(54);
  header.write('RIFF', 0);
  header.writeUInt32LE(46 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(16_000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('LIST', 36);
  header.writeUInt32LE(1, 40); // an odd size is padded
  header.write('data', 46);
  header.writeUInt32LE(samples.length, 50);
  return Buffer.concat([header, samples]);
}

describe('the speech model', () => {
  const dir = mkdtempSync(join(tmpdir(), 'silero-'));
  const path = join(dir, 'sound.wav');
  const call = (more: object = {}) => ({
    path,
    durationS: 600,
    signal: new AbortController().signal,
    wallMs: 60_000,
    onProgress: () => undefined,
    ...more,
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('gives a probability for each frame, and next to none for silence', async () => {
    writeFileSync(path, silence(10));
    const progress: number[] = [];
    const found = await speechProbabilities(
      call({ durationS: 10, onProgress: (fraction: number) => progress.push(fraction) }),
    );

    expect(found).toHaveLength(Math.ceil(10 / FRAME_S));
    expect(Math.max(...(found as number[]))).toBeLessThan(0.1);
    expect(progress.length).toBeGreaterThan(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBeCloseTo(1, 1);
  });

  it('ends when it is stopped, and keeps nobody from working meanwhile', async () => {
    writeFileSync(path, silence(600));
    const abort = new AbortController();
    let beats = 0;
    const heart = setInterval(() => (beats += 1), 10);
    const onProgress = (fraction: number) => (fraction > 0.1 ? abort.abort() : undefined);

    await expect(speechProbabilities(call({ signal: abort.signal, onProgress }))).rejects.toMatchObject({
      code: 'ABORTED',
    });
    clearInterval(heart);
    expect(beats).toBeGreaterThan(5);
  });

  it('is not started for a step that was stopped already', async () => {
    await expect(speechProbabilities(call({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('is stopped when it takes too long', async () => {
    await expect(speechProbabilities(call({ wallMs: 1 }))).rejects.toMatchObject({ code: 'TOOL_TIMEOUT' });
  });

  it('says what is wrong with sound that it cannot read', async () => {
    writeFileSync(path, 'no sound');
    const refused = speechProbabilities(call());
    await expect(refused).rejects.toMatchObject({ code: 'TOOL_FAILED', options: { retryable: true } });
  });

  it('knows the platforms that it has a binary for', () => {
    expect(hasSpeechEngine('linux', 'x64')).toBe(true);
    expect(hasSpeechEngine('darwin', 'x64')).toBe(false);
    expect(hasSpeechEngine('aix', 'ppc64')).toBe(false);
  });
});
