import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Variables } from './env';
import { mediaTools } from './media-tools';
import { temporaryFolder } from './servers';

/**
 * Stands before ffmpeg. Opening a pipe for reading waits until somebody opens it for writing, which costs nothing; so a
 * step is in the middle of its work for as long as a test wants, whatever the machine. While it waits, only SIGKILL ends
 * it, as with a tool that does not listen.
 */
const script = (ffmpeg: string, pipe: string) => `#!/bin/sh
case "$*" in *libx264*) trap '' TERM; [ ! -p '${pipe}' ] || true < '${pipe}' ;; esac
exec '${ffmpeg}' "$@"
`;

/** An ffmpeg whose encoding runs, those of the normaliser and the clip-renderer, a test holds before they begin. */
export class HeldEncoder {
  private readonly pipe: string;
  private readonly tool: string;

  private constructor(
    private readonly folder: string,
    ffmpeg: string,
  ) {
    this.pipe = join(folder, 'held');
    this.tool = join(folder, 'ffmpeg');
    writeFileSync(this.tool, script(ffmpeg, this.pipe), { mode: 0o755 });
  }

  /** Makes one that holds nothing yet. */
  static async make(): Promise<HeldEncoder> {
    return new HeldEncoder(temporaryFolder('encoder'), (await mediaTools()).ffmpeg);
  }

  /** What a worker is started with to use it. */
  get variables(): Variables {
    return { FFMPEG_PATH: this.tool };
  }

  /** From now on, whoever is about to encode waits. */
  hold(): void {
    this.letGo();
    execFileSync('mkfifo', [this.pipe]);
  }

  /** Who waits goes on, and nobody waits any more. */
  letGo(): void {
    try {
      // For both, which does not wait for a reader.
      const writer = openSync(this.pipe, constants.O_RDWR | constants.O_NONBLOCK);
      rmSync(this.pipe);
      closeSync(writer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Removes it; nobody may need it any more. */
  remove(): void {
    this.letGo();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
