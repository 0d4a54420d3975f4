import { v7 as uuidv7 } from 'uuid';
import { INFO, type LogLevel, levelName, WARN } from './log-levels';
import type { LogBatch } from './log-stream';

/** Lines that are held at most: when that many warnings wait, not even they are kept, lest the process dies of its log. */
const CAPACITY = 50_000;
/** And so many characters of them: with the stacks of errors, lines are long when most is logged. */
const CHARACTERS = 64 * 1024 * 1024;
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
  /** Of all lines that wait. */
  private characters = 0;
  private readonly omitted = new Map<LogLevel, number>();
  private nth = 0;
  /** How full the way ahead is, from 0 to 1: what does not go on there, piles up here. */
  pressure = 0;

  constructor(
    private readonly capacity = CAPACITY,
    private readonly mostCharacters = CHARACTERS,
  ) {}

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
    if (!this.keeps(level)) return this.omit(level);
    if (level >= WARN) this.important.push(line);
    else this.ordinary.push({ level, line });
    this.characters += line.length;
  }

  /** Takes an important line that goes before all others, however full it is. */
  pushFirst(line: string): void {
    this.important.unshift(line);
    this.characters += line.length;
  }

  /**
   * The lines that go next, so many at most, and no more than about so many characters: warnings and errors first. What
   * was put back goes before them, as it was.
   */
  take(lines: number, characters: number): LogBatch {
    const batch = this.returned.shift();
    if (batch) this.returnedLines -= batch.lines.length;
    const next = batch ?? { id: uuidv7(), lines: this.takeNew(lines, characters) };
    this.characters -= charactersOf(next);
    return next;
  }

  /** Batches of which nobody knows whether they have arrived are the next ones again, under their ids. */
  putBack(batches: readonly LogBatch[]): void {
    this.returned.unshift(...batches);
    for (const batch of batches) {
      this.returnedLines += batch.lines.length;
      this.characters += charactersOf(batch);
    }
  }

  /** How many lines of which level were left out since this was asked last. */
  takeOmitted(): ReadonlyMap<LogLevel, number> {
    const counts = new Map(this.omitted);
    this.omitted.clear();
    return counts;
  }

  private takeNew(lines: number, characters: number): string[] {
    const important = this.important.length > 0;
    const lineAt = (n: number) => (important ? this.important[n] : this.ordinary[n]?.line);
    const most = Math.min(lines, important ? this.important.length : this.ordinary.length);
    let [count, length] = [0, 0];
    while (count < most && (count === 0 || length < characters)) {
      length += lineAt(count)?.length ?? 0;
      count += 1;
    }
    return important
      ? this.important.splice(0, count)
      : this.ordinary.splice(0, count).map(({ line }) => line);
  }

  private omit(level: number): void {
    const name = levelName(level);
    this.omitted.set(name, (this.omitted.get(name) ?? 0) + 1);
  }

  /** How full it is, from 0 to 1. */
  private get fill(): number {
    return Math.max(this.length / this.capacity, this.characters / this.mostCharacters);
  }

  /** Whether there is room for a warning; if need be, the youngest lines that are none make it. */
  private makesRoom(): boolean {
    while (this.fill >= 1) {
      const evicted = this.ordinary.pop();
      if (!evicted) return false;
      this.characters -= evicted.line.length;
      this.omit(evicted.level);
    }
    return true;
  }

  private keeps(level: number): boolean {
    const full = Math.max(this.fill, this.pressure);
    if (level >= WARN) return this.makesRoom();
    if (level >= INFO) return full < SAMPLES_INFO || (full < 1 && this.sampled());
    return full < SAMPLES_DEBUG || (full < SAMPLES_INFO && this.sampled());
  }

  private sampled(): boolean {
    this.nth = (this.nth + 1) % SAMPLE;
    return this.nth === 0;
  }
}

function charactersOf({ lines }: LogBatch): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}
