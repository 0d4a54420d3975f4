import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** A stretch of time in seconds. */
export interface Stretch {
  start_s: number;
  end_s: number;
}

type Edge = 'start' | 'end';

/**
 * Collects stretches that a filter reports as a start line and an end line.
 * One that lasts to the end of the file has no end line: it is closed at the file's duration.
 */
class StretchCollector {
  private readonly found: Stretch[] = [];
  private openAt: number | undefined;

  constructor(private readonly pattern: RegExp) {}

  push(line: string): void {
    for (const match of line.matchAll(this.pattern)) {
      const edge = match[1] as Edge;
      const time = Math.max(0, Number(match[2]));
      if (!Number.isFinite(time)) continue;
      if (edge === 'start') this.openAt = time;
      else if (this.openAt !== undefined) {
        if (time > this.openAt) this.found.push({ start_s: this.openAt, end_s: time });
        this.openAt = undefined;
      }
    }
  }

  finish(durationS: number): Stretch[] {
    if (this.openAt !== undefined && durationS > this.openAt)
      this.found.push({ start_s: this.openAt, end_s: durationS });
    return this.found.map(({ start_s, end_s }) => ({
      start_s,
      end_s: Math.min(end_s, Math.max(durationS, start_s)),
    }));
  }
}

const NUMBER = '(-?[\\d.]+(?:e[-+]?\\d+)?)';

/** Reads the log lines of `silencedetect`. */
export const silenceCollector = () => new StretchCollector(new RegExp(`silence_(start|end): ${NUMBER}`, 'g'));

/** Reads the log lines of `blackdetect`. */
export const blackCollector = () => new StretchCollector(new RegExp(`black_(start|end):${NUMBER}`, 'g'));

/** Reads the log lines of `freezedetect`. */
export const freezeCollector = () =>
  new StretchCollector(new RegExp(`lavfi\\.freezedetect\\.freeze_(start|end): ${NUMBER}`, 'g'));

/** The summary of `ebur128`. */
export interface Loudness {
  integratedLufs: number | null;
  rangeLu: number | null;
  truePeakDbtp: number | null;
}

/** Reads the summary that `ebur128` logs at its end; fields that it could not measure are null. */
export class LoudnessCollector {
  private summary = false;
  private readonly values: Loudness = { integratedLufs: null, rangeLu: null, truePeakDbtp: null };

  push(line: string): void {
    if (/Summary:/.test(line)) this.summary = true;
    if (!this.summary) return;
    const match = /^\s*(I|LRA|Peak):\s+(-?[\d.]+)\s/.exec(`${line} `);
    const value = Number(match?.[2]);
    if (!match || !Number.isFinite(value)) return;
    if (match[1] === 'I') this.values.integratedLufs = value <= -70 ? null : value;
    else if (match[1] === 'LRA') this.values.rangeLu = value;
    else this.values.truePeakDbtp = value;
  }

  finish(): Loudness {
    return { ...this.values };
  }
}

/** One value that a filter attached to a frame. */
export interface FrameValue {
  timeS: number;
  value: number;
}

/** Reads the lines of `metadata=print` or `ametadata=print`: a line with the time, then one with the value. */
export class FrameValueCollector {
  readonly values: FrameValue[] = [];
  private timeS: number | undefined;

  constructor(private readonly key: string) {}

  push(line: string): void {
    const time = /\bpts_time:\s*(-?[\d.]+)/.exec(line)?.[1];
    if (time !== undefined) {
      this.timeS = Number(time);
      return;
    }
    if (this.timeS === undefined || !line.startsWith(`${this.key}=`)) return;
    const value = line.slice(this.key.length + 1).trim();
    const number = value === '-inf' ? -Infinity : Number(value);
    // A filter prints nan for a frame without samples.
    if (!Number.isNaN(number)) this.values.push({ timeS: this.timeS, value: number });
  }
}

/** Reads a file that `metadata=print:file=` wrote, line by line: it may be large. */
export async function readFrameValues(path: string, key: string): Promise<FrameValue[]> {
  const collector = new FrameValueCollector(key);
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    collector.push(line);
  return collector.values;
}

/** The values that filters attached to one frame, by key. */
export interface FrameFields {
  timeS: number;
  fields: Record<string, number>;
}

/** As {@link readFrameValues}, for several keys at once; frames without any of them are left out. */
export async function readFrameFields(path: string, keys: readonly string[]): Promise<FrameFields[]> {
  const frames: FrameFields[] = [];
  let frame: FrameFields | undefined;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const time = /\bpts_time:\s*(-?[\d.]+)/.exec(line)?.[1];
    if (time !== undefined) {
      frame = { timeS: Number(time), fields: {} };
      continue;
    }
    const at = line.indexOf('=');
    const key = line.slice(0, at);
    const value = Number(line.slice(at + 1));
    if (!frame || !keys.includes(key) || Number.isNaN(value)) continue;
    if (Object.keys(frame.fields).length === 0) frames.push(frame);
    frame.fields[key] = value;
  }
  return frames;
}
