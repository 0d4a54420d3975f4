import { v7 as uuidv7 } from 'uuid';
import { INFO, type LogLevel, levelName, WARN } from './log-levels';
import type { LogBatch } from './log-stream';

/** Lines that are held at most: when that many warnings wait, not even they are kept, lest the process dies of its log. */
const CAPACITY = 50_000;
/** From this share of the capacity on, one debug line of {@link SAMPLE} is kept. */
const SAMPLES_DEBUG = 0.1;
/** From this share on, no debug line is kept, and one line of {@link SAMPLE} that informs. */
const SAMPLES_INFO = 0.5;
const SAMPLE = 100;

/**
 * Log lines on their way to where operators read them. Bounded: the fuller it is, the more it leaves out, debug lines
 * first and warnings and errors last, and it counts what it leaves out.
 */
export class LogBuffer {
  private readonly important: string[] = [];
  private readonly ordinary: { level: number; line: string }[] = [];
  private returned: LogBatch[] = [];
  private returnedLines = 0;
  private readonly omitted = new Map<LogLevel, number>();
  private nth = 0;
  /** How full the way ahead is, from 0 to 1: what does not go on there, piles up here. */
  pressure = 0;

  constructor(private readonly capacity = CAPACITY) {}

  /** How many lines wait. */
  get length(): number {
    return this.returnedLines + this.important.length + this.ordinary.length;
  }

  /** Whether batches were put back that have not been taken again. */
  get hasReturned(): boolean {
    return this.returned.length > 0;
  }

  /** Takes a line, or leaves it out. @param level pino's number */
  push(level: number, line: string): void {
    if (!this.keeps(level)) this.omit(level);
    else if (level >= WARN) this.important.push(line);
    else this.ordinary.push({ level, line });
  }

  /** Takes an important line that goes before all others, however full it is. */
  pushFirst(line: string): void {
    this.important.unshift(line);
  }

  /**
   * The lines that go next, so many at most, and no more than about so many characters: warnings and errors first. What
   * was put back goes before them, as it was.
   */
  take(lines: number, characters: number): LogBatch {
    const again = this.returned.shift();
    if (again) {
      this.returnedLines -= again.lines.length;
      return again;
    }
    const important = this.important.length > 0;
    const lineAt = (n: number) => (important ? this.important[n] : this.ordinary[n]?.line);
    const most = Math.min(lines, important ? this.important.length : this.ordinary.length);
    let [count, length] = [0, 0];
    while (count < most && (count === 0 || length < characters)) {
      length += lineAt(count)?.length ?? 0;
      count += 1;
    }
    const taken = important
      ? this.important.splice(0, count)
      : this.ordinary.splice(0, count).map(({ line }) => line);
    return { id: uuidv7(), lines: taken };
  }

  /** Batches of which nobody knows whether they have arrived are the next ones again, under their ids. */
  putBack(batches: readonly LogBatch[]): void {
    this.returned.unshift(...batches);
    for (const { lines } of batches) this.returnedLines += lines.length;
  }

  /** How many lines of which level were left out since this was asked last. */
  takeOmitted(): ReadonlyMap<LogLevel, number> {
    const counts = new Map(this.omitted);
    this.omitted.clear();
    return counts;
  }

  private omit(level: number): void {
    const name = levelName(level);
    this.omitted.set(name, (this.omitted.get(name) ?? 0) + 1);
  }

  /** Whether there is room for a warning; if need be, the youngest line that is none makes it. */
  private makesRoom(): boolean {
    if (this.length < this.capacity) return true;
    const evicted = this.ordinary.pop();
    if (evicted) this.omit(evicted.level);
    return evicted !== undefined;
  }

  private keeps(level: number): boolean {
    const full = Math.max(this.length / this.capacity, this.pressure);
    if (level >= WARN) return this.makesRoom();
    if (level >= INFO) return full < SAMPLES_INFO || (full < 1 && this.sampled());
    return full < SAMPLES_DEBUG || (full < SAMPLES_INFO && this.sampled());
  }

  private sampled(): boolean {
    this.nth = (this.nth + 1) % SAMPLE;
    return this.nth === 0;
  }
}
