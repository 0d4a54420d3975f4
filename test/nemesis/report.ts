import type { Evidence } from './evidence';
import { type Attempt, verdictOf } from './history';
import type { RunResult } from './run';

type Attempts = Pick<Evidence, 'attempts'>;

/** How long it took after a moment until somebody who asked later was answered with success; in milliseconds. */
export function healing({ attempts }: Attempts, at: number): number {
  const ends = attempts
    .filter((attempt) => attempt.sentAt >= at && verdictOf(attempt) === 'success')
    .map(({ endedAt }) => endedAt);
  return Math.min(...ends) - at;
}

/** The longest time between two answers of success among these attempts, in milliseconds. */
export function longestGap(attempts: readonly Attempt[]): number {
  const ends = attempts
    .filter((attempt) => verdictOf(attempt) === 'success')
    .map(({ endedAt }) => endedAt)
    .sort((a, b) => a - b);
  return Math.max(0, ...ends.slice(1).map((end, i) => end - (ends[i] ?? end)));
}

/** A line for each kind of fault: how often, and the longest time to heal. */
function faultLines(evidence: Evidence): [string, string][] {
  const kinds = [...new Set(evidence.faults.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const times = evidence.faults
      .filter((fault) => fault.kind === kind)
      .map(({ at }) => healing(evidence, at));
    return [`  ${kind}`, `${times.length}, served again within ${seconds(Math.max(...times))}`];
  });
}

/** The figures of a run, as a table to print. */
export function report({ evidence, violations }: RunResult): string {
  const { orders, attempts, effects, audit, faults, jobs } = evidence;
  const outcomes = (outcome: string): number =>
    audit.filter((entry) => entry.phase === 'outcome' && entry.outcome === outcome).length;
  const gapsOfApis = [...new Set(attempts.map(({ api }) => api))].map((api) =>
    longestGap(attempts.filter((attempt) => attempt.api === api)),
  );
  const figures: [string, number | string][] = [
    ['requests', attempts.length],
    ['  without an answer', attempts.filter(({ status }) => status === null).length],
    ['  replayed', attempts.filter(({ replayed }) => replayed).length],
    ['  retries', attempts.length - orders.length],
    ['orders', orders.length],
    ['  with a key', orders.filter(({ keyed }) => keyed).length],
    ['effects', effects.length],
    ['outcomes: succeeded', outcomes('succeeded')],
    ['outcomes: failed', outcomes('failed')],
    ['outcomes: unknown', outcomes('unknown')],
    ['audit entries', audit.length],
    ['jobs', jobs.length],
    ['faults', faults.length],
    ...faultLines(evidence),
    ['longest time without any success', seconds(longestGap(attempts))],
    ['longest time of one api without', seconds(Math.max(0, ...gapsOfApis))],
    ['violations', violations.length],
  ];
  const width = Math.max(...figures.map(([name]) => name.length));
  return figures.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
