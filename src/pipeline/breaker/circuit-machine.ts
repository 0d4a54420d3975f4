import { type CallResult, type CircuitPhase, type Counts, PROBE_WAIT_MS } from './circuit';
import type { CircuitRules } from './circuit-rules';

/** Whether a call may go ahead: in which epoch, and as the probe or not; or how long it has to wait. */
export type Verdict = { epoch: number; probe: boolean } | { restMs: number };

interface Bucket extends Counts {
  readonly at: number;
  readonly process: string;
}

type Kind = keyof Counts;

/**
 * The state machine of breaker.lua.ts in one process: with it a process protects itself while Redis is away,
 * and when it fails alone. Times are milliseconds by whatever clock the caller goes by.
 */
export class CircuitMachine {
  private phase: CircuitPhase = 'closed';
  private number = 0;
  private openedAt = 0;
  private openMs = 0;
  private tripsInARow = 0;
  private probe = '';
  private probeUntil = 0;
  private results: Bucket[] = [];

  get state(): CircuitPhase {
    return this.phase;
  }

  get epoch(): number {
    return this.number;
  }

  get trips(): number {
    return this.tripsInARow;
  }

  /** Until a call may be tried; 0 if that is now. */
  restMs(now: number): number {
    if (this.phase === 'open') return Math.max(0, this.openedAt + this.openMs - now);
    if (this.probe === '') return 0;
    return Math.max(0, Math.min(PROBE_WAIT_MS, this.probeUntil - now));
  }

  /** May the call `id` go ahead? Not while it is open, and as the only one after that. */
  admit(id: string, now: number, rules: CircuitRules): Verdict {
    if (this.phase === 'probing' && this.probe !== '' && now >= this.probeUntil) this.open(now, rules);
    const restMs = this.restMs(now);
    if (restMs > 0) return { restMs };
    if (this.phase === 'closed') return { epoch: this.number, probe: false };
    if (this.phase === 'open') {
      this.phase = 'probing';
      this.number += 1;
    }
    this.probe = id;
    this.probeUntil = now + rules.probe_ms;
    return { epoch: this.number, probe: true };
  }

  /** What a probe came to; that of an earlier epoch, or of another call, decides nothing. */
  settle(id: string, epoch: number, result: CallResult, now: number, rules: CircuitRules): void {
    if (this.phase !== 'probing' || this.probe !== id || this.number !== epoch) return;
    if (result === 'bad') this.open(now, rules);
    else if (result === 'good') this.close();
    else {
      this.probe = '';
      this.probeUntil = 0;
    }
  }

  /** Counts calls of a process that began in `epoch`, and opens if they are enough. */
  record(process: string, epoch: number, counts: Counts, now: number, rules: CircuitRules): void {
    if (this.phase !== 'closed' || this.number !== epoch) return;
    const tenth = Math.max(1, Math.floor(rules.window_ms / 10));
    this.add(now - (now % tenth), process, counts);
    this.results = this.results.filter((bucket) => bucket.at > now - rules.window_ms);
    const total = this.sum('all');
    if (total < rules.volume) return;
    if (this.reached('bad', rules.failure_percent, total) || this.reached('slow', rules.slow_percent, total))
      this.open(now, rules);
  }

  /** Begins anew, closed. */
  reset(): void {
    if (this.phase !== 'closed' || this.results.length > 0) this.close();
  }

  /** Takes over that it is open until then, from whoever cannot be asked any more. */
  adopt(trips: number, until: number, now: number): void {
    this.phase = 'open';
    this.number += 1;
    this.openedAt = now;
    this.openMs = Math.max(0, until - now);
    this.tripsInARow = trips;
    this.probe = '';
    this.results = [];
  }

  private open(now: number, rules: CircuitRules): void {
    this.phase = 'open';
    this.number += 1;
    this.openedAt = now;
    this.openMs = Math.min(rules.max_open_ms, rules.open_ms * 2 ** this.tripsInARow);
    this.tripsInARow += 1;
    this.probe = '';
    this.probeUntil = 0;
    this.results = [];
  }

  private close(): void {
    this.phase = 'closed';
    this.number += 1;
    this.tripsInARow = 0;
    this.probe = '';
    this.probeUntil = 0;
    this.results = [];
  }

  private add(at: number, process: string, { all, bad, slow }: Counts): void {
    const index = this.results.findIndex((bucket) => bucket.at === at && bucket.process === process);
    const old = this.results[index] ?? { all: 0, bad: 0, slow: 0 };
    const bucket = { at, process, all: old.all + all, bad: old.bad + bad, slow: old.slow + slow };
    if (index >= 0) this.results[index] = bucket;
    else this.results.push(bucket);
  }

  /** One process alone does not open it: where others call too, it takes two that see it fail. */
  private reached(kind: Kind, percent: number, total: number): boolean {
    const part = this.sum(kind);
    const callers = this.processesWith('all');
    return part > 0 && part * 100 >= percent * total && (callers < 2 || this.processesWith(kind) >= 2);
  }

  private sum(kind: Kind): number {
    return this.results.reduce((sum, bucket) => sum + bucket[kind], 0);
  }

  private processesWith(kind: Kind): number {
    return new Set(this.results.filter((bucket) => bucket[kind] > 0).map((bucket) => bucket.process)).size;
  }
}
