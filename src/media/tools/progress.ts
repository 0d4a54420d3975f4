/** One block of `-progress` output. Fields that ffmpeg gave as N/A are undefined. */
export interface ProgressBlock {
  frame: number | undefined;
  /** Seconds of output written or decoded so far. */
  outTimeS: number | undefined;
  totalSize: number | undefined;
  done: boolean;
}

function parseCount(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value.trim());
  return value.trim() !== '' && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** Collects the key=value lines of `-progress pipe:1` and answers a block at each `progress=` line. */
export class ProgressParser {
  private fields = new Map<string, string>();

  /** @returns the finished block, or undefined while it is incomplete */
  push(line: string): ProgressBlock | undefined {
    const at = line.indexOf('=');
    if (at < 1) return undefined;
    const key = line.slice(0, at).trim();
    const value = line.slice(at + 1).trim();
    if (key !== 'progress') {
      this.fields.set(key, value);
      return undefined;
    }
    // `out_time_ms` is microseconds too, whatever its name says; builds before 4.1 know only that one.
    const micros = parseCount(this.fields.get('out_time_us')) ?? parseCount(this.fields.get('out_time_ms'));
    const block: ProgressBlock = {
      frame: parseCount(this.fields.get('frame')),
      outTimeS: micros === undefined ? undefined : micros / 1e6,
      totalSize: parseCount(this.fields.get('total_size')),
      done: value === 'end',
    };
    this.fields = new Map();
    return block;
  }
}

/** Whether a block shows more work done than the one before: what the stall watchdog asks. */
export function hasGrown(before: ProgressBlock | undefined, now: ProgressBlock): boolean {
  if (!before || now.done) return true;
  const grew = (a: number | undefined, b: number | undefined) => (b ?? -1) > (a ?? -1);
  return (
    grew(before.frame, now.frame) ||
    grew(before.outTimeS, now.outTimeS) ||
    grew(before.totalSize, now.totalSize)
  );
}
