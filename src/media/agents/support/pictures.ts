import type { AgentRun, PublishedArtifact } from '../agent';
import { partName } from './files';
import { even } from './geometry';
import type { NormaliserOutput, RenderedVariant } from './outputs';
import type { Shelf } from './shelf';
import { planStoryboard, sheetName, storyboardFilter, storyboardVtt } from './storyboard';

const JPEG = 'image/jpeg';

/** A typical picture of a clip. */
export async function makePoster(
  run: AgentRun,
  shelf: Shelf,
  position: number,
  { width: full, height, duration_s, file }: RenderedVariant,
): Promise<PublishedArtifact> {
  const name = `clip-${position}-poster.jpg`;
  const width = Math.min(640, full);
  // Five frames a second are enough to choose from; all of them would take 280 MB.
  const filter = `fps=5,thumbnail=50,scale=${width}:${even((width * height) / full)}`;
  await run.tools.ffmpeg({
    inputs: [{ path: await run.open(file.artifact_id), maxDurationS: duration_s + 1 }],
    output: [
      ...['-map', '0:v:0', '-vf', filter, '-frames:v', '1', '-pix_fmt', 'yuvj420p', '-q:v', '4'],
      ...['-fflags', '+bitexact', partName(name, run.attempt)],
    ],
    cwd: run.workDir,
    signal: run.signal,
    durationS: duration_s,
  });
  return shelf.finished(name, 'poster', JPEG);
}

/** What a storyboard consists of. */
export interface Storyboard {
  vtt_artifact_id: string;
  sheets: number;
  interval_s: number;
}

/** Small pictures of the whole video on a few sheets, and the WebVTT that tells which belongs to which time. */
export async function makeStoryboard(
  run: AgentRun,
  shelf: Shelf,
  { proxy, duration_s }: NormaliserOutput,
): Promise<Storyboard> {
  const plan = planStoryboard(duration_s, proxy);
  const path = await run.open(proxy.artifact_id);
  await run.tools.ffmpeg({
    inputs: [{ path, maxDurationS: duration_s + 1, options: ['-skip_frame', 'nokey'] }],
    output: [
      ...['-map', '0:v:0', '-vf', storyboardFilter(plan), ...run.tools.frameSync('passthrough')],
      ...['-pix_fmt', 'yuvj420p', '-q:v', '5', '-frames:v', String(plan.sheets)],
      ...['-fflags', '+bitexact', partName('storyboard-%d.jpg', run.attempt)],
    ],
    cwd: run.workDir,
    signal: run.signal,
    durationS: duration_s,
  });
  for (let sheet = 1; sheet <= plan.sheets; sheet += 1)
    await shelf.finished(sheetName(sheet), 'storyboard', JPEG);
  const vtt = await shelf.text('storyboard.vtt', storyboardVtt(plan, duration_s), 'storyboard', 'text/vtt');
  return { vtt_artifact_id: vtt.artifact_id, sheets: plan.sheets, interval_s: plan.intervalS };
}
