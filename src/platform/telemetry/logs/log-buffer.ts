import { INFO, type LogLevel, levelName, WARN } from './log-levels';

/** Lines that are held at most: beyond, not even warnings are, lest the process dies of its log. */
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
  private readonly ordinary: string[] = [];
  private readonly omitted = new Map<LogLevel, number>();
  private nth = 0;
  /** How full the way ahead is, from 0 to 1: what does not go on there, piles up here. */
  pressure = 0;

  constructor(private readonly capacity = CAPACITY) {}

  /** How many lines wait. */
  get length(): number {
    return this.important.length + this.ordinary.length;
  }

  /** Takes a line, or leaves it out. @param level pino's number */
  push(level: number, line: string): void {
    if (this.keeps(level)) {
      (level >= WARN ? this.important : this.ordinary).push(line);
      return;
    }
    const name = levelName(level);
    this.omitted.set(name, (this.omitted.get(name) ?? 0) + 1);
  }

  /** The lines that go next, so many at most, and no more than about so many characters. Warnings and errors first. */
  take(lines: number, characters: number): string[] {
    const from = this.important.length > 0 ? this.important : this.ordinary;
    let [count, length] = [0, 0];
    while (count < Math.min(lines, from.length) && (count === 0 || length < characters)) {
      length += from[count]?.length ?? 0;
      count += 1;
    }
    return from.splice(0, count);
  }

  /** Lines that could not be sent are the next ones again. */
  putBack(lines: readonly string[]): void {
    this.important.unshift(...lines);
  }

  /** How many lines of which level were left out since this was asked last. */
  takeOmitted(): ReadonlyMap<LogLevel, number> {
    const counts = new Map(this.omitted);
    this.omitted.clear();
    return counts;
  }

  private keeps(level: number): boolean {
    const full = Math.max(this.length / this.capacity, this.pressure);
    if (level >= WARN) return this.length < this.capacity;
    if (level >= INFO) return full < SAMPLES_INFO || (full < 1 && this.sampled());
    return full < SAMPLES_DEBUG || (full < SAMPLES_INFO && this.sampled());
  }

  private sampled(): boolean {
    this.nth = (this.nth + 1) % SAMPLE;
    return this.nth === 0;
  }
}
