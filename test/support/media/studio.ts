import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMediaTools, type MediaTools } from '../../../src/media/tools/media-tools';
import { KeptLog } from './agent-chain';
import { Specimens } from './specimens';

/** What tests of agents work with. Whoever opens it removes `dir`. */
export interface Studio {
  readonly dir: string;
  readonly tools: MediaTools;
  readonly specimens: Specimens;
}

/** The media tools of this machine, and a new folder for what is made with them; `name` tells whose it is. */
export async function openStudio(name: string): Promise<Studio> {
  const dir = await mkdtemp(join(tmpdir(), `${name}-int-`));
  const tools = await createMediaTools({
    ffmpegPath: process.env.FFMPEG_PATH,
    ffprobePath: process.env.FFPROBE_PATH,
    allowBundled: true,
    pidDir: join(dir, 'pids'),
    log: new KeptLog(),
  });
  return { dir, tools, specimens: new Specimens(tools.capabilities.ffmpeg.path, dir) };
}
