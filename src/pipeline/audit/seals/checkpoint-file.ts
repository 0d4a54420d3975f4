import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Checkpoint, checkpointLine, parseCheckpoint } from './checkpoint';

/** How much of the file's end is looked at for the newest checkpoint, in bytes; a line has about 250. */
const TAIL_BYTES = 65_536;

/**
 * The checkpoints of an installation in a file, one a line, oldest first. Several processes may append, each line in
 * one write. A line may stand there twice, and one that was being written when the machine failed may be cut off: such
 * a line says nothing.
 */
export class CheckpointFile {
  constructor(readonly path: string) {}

  /** Adds a checkpoint, durably. */
  async append(checkpoint: Checkpoint): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const file = await open(this.path, 'a+', 0o644);
    try {
      const { size } = await file.stat();
      const { buffer } = await file.read({ buffer: Buffer.alloc(1), position: Math.max(0, size - 1) });
      const cutOff = size > 0 && buffer.toString() !== '\n';
      await file.appendFile(`${cutOff ? '\n' : ''}${checkpointLine(checkpoint)}`);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** The checkpoint with the highest number; undefined if there is none, or no file. */
  async latest(): Promise<Checkpoint | undefined> {
    const found = (await this.tail()).split('\n').flatMap((line) => parseCheckpoint(line) ?? []);
    const latest = found.reduce(later, undefined);
    if (latest) return latest;
    // What a failing machine, or somebody, has put at the end must not hide what stands before it.
    let any: Checkpoint | undefined;
    for await (const one of this.all()) any = later(any, one);
    return any;
  }

  /** All checkpoints, in the order of the file. None if there is no file. */
  async *all(): AsyncGenerator<Checkpoint> {
    const file = await this.openToRead();
    if (!file) return;
    // The stream of lines closes the file.
    for await (const line of file.readLines()) {
      const checkpoint = parseCheckpoint(line);
      if (checkpoint) yield checkpoint;
    }
  }

  private async tail(): Promise<string> {
    const file = await this.openToRead();
    if (!file) return '';
    try {
      const { size } = await file.stat();
      const position = Math.max(0, size - TAIL_BYTES);
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - position), position });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }

  private async openToRead(): Promise<FileHandle | undefined> {
    try {
      return await open(this.path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function later(latest: Checkpoint | undefined, one: Checkpoint): Checkpoint {
  return latest && latest.number > one.number ? latest : one;
}
