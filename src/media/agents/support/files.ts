import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../agent-error';
import type { AgentRun, ArtifactFile, PublishedArtifact } from '../agent';

/**
 * The name that a tool writes to before its file is finished. The extension stays last: ffmpeg picks the format by it,
 * and a stopped ffmpeg leaves a file that looks playable, so only the final name means "finished".
 */
export function partName(name: string, attempt: number): string {
  const dot = name.lastIndexOf('.');
  return `${name.slice(0, dot)}.part-${attempt}${name.slice(dot)}`;
}

/** Gives a written file its final name, once its bytes are on disk. @returns the final path */
export async function finish(run: AgentRun, name: string): Promise<string> {
  const from = join(run.workDir, partName(name, run.attempt));
  const file = await open(from, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  if (run.signal.aborted) throw new AgentError('ABORTED');
  const to = join(run.workDir, name);
  await rename(from, to);
  return to;
}

/** Finishes a written file and publishes it under its name. */
export async function finishAndPublish(
  run: AgentRun,
  name: string,
  kind: ArtifactFile['kind'],
  contentType: string,
): Promise<PublishedArtifact> {
  const path = await finish(run, name);
  return run.publish({ path, name, kind, contentType });
}

/** Whether an MP4's index stands before its data, so that it plays while it is being downloaded. */
export async function isFaststart(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(16);
    for (let at = 0; ;) {
      const { bytesRead } = await file.read(header, 0, 16, at);
      if (bytesRead < 8) return false;
      const type = header.toString('latin1', 4, 8);
      if (type === 'moov') return true;
      if (type === 'mdat') return false;
      const short = header.readUInt32BE(0);
      const size = short === 1 ? Number(header.readBigUInt64BE(8)) : short;
      if (size < 8) return false;
      at += size;
    }
  } finally {
    await file.close();
  }
}
