import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSpeechToText, parseCommand } from './speech-to-text';

describe('parseCommand', () => {
  it.each([
    ['/opt/asr --model small', ['/opt/asr', '--model', 'small', '{audio}']],
    [' asr  --in={audio} --json ', ['asr', '--in={audio}', '--json']],
    ['asr; rm -rf $HOME', ['asr;', 'rm', '-rf', '$HOME', '{audio}']],
  ])('makes %j a vector', (text, argv) => expect(parseCommand(text)).toEqual(argv));

  it('takes nothing for none', () => {
    expect(parseCommand('  ')).toBeUndefined();
    expect(parseCommand(undefined)).toBeUndefined();
  });
});

describe('findSpeechToText', () => {
  const dir = mkdtempSync(join(tmpdir(), 'speech-to-text-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('finds pocketsphinx where it can be run, and keeps the command beside it', async () => {
    const path = join(dir, 'pocketsphinx_continuous');
    expect(await findSpeechToText(undefined, dir)).toEqual({});
    writeFileSync(path, '');
    chmodSync(path, 0o644);
    expect(await findSpeechToText(undefined, `relative:${dir}`)).toEqual({});
    chmodSync(path, 0o755);
    expect(await findSpeechToText('asr', `/nonexistent:${dir}`)).toEqual({
      command: ['asr', '{audio}'],
      pocketsphinx: path,
    });
  });
});
