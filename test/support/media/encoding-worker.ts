import { createMediaTools } from '../../../src/media/tools/media-tools';
import { KeptLog } from './agent-chain';

/**
 * A process that encodes without end, for tests that kill it.
 * Arguments: ffmpeg, ffprobe, the folder for pids, the folder to work in, the video, and `watcher` to do without setpriv.
 */
async function main([
  ffmpegPath,
  ffprobePath,
  pidDir = '',
  cwd = '',
  video = '',
  mode,
]: string[]): Promise<void> {
  const tools = await createMediaTools({
    ffmpegPath,
    ffprobePath,
    allowBundled: true,
    pidDir,
    log: new KeptLog(),
  });
  if (mode === 'watcher') Object.assign(tools.capabilities.sandbox, { parentDeath: false });
  const loop = [
    '-filter_complex',
    '[0:v]loop=-1:size=100,scale=1280:720',
    '-c:v',
    'libx264',
    '-f',
    'null',
    '-',
  ];
  await tools.ffmpeg({
    inputs: [{ path: video, maxDurationS: 10 }],
    output: loop,
    cwd,
    signal: new AbortController().signal,
    durationS: 10,
    onProgress: () => process.send?.('encoding'),
  });
}

void main(process.argv.slice(2));
