import type { AuditEntry, Evidence } from '../evidence';
import { verdictOf } from '../history';
import type { Cases } from './cases';

/** Says what is wrong with a run as a whole; a sentence for each finding. */
export type WholeRule = (evidence: Evidence, cases: Cases) => string[];

/** Entries of different transactions get their number and their time not at the very same moment; in milliseconds. */
const CLOCK_TOLERANCE_MS = 1_000;
/** For how long a process may hold back denials in its memory: one window of a flood and the flush, in milliseconds. */
const DENIALS_HELD_MS = 11_000;

/** What must hold for the run as a whole, by the name that a violation gets. */
export const WHOLE_RULES: Readonly<Record<string, WholeRule>> = {
  'an effect that nobody asked for': (_evidence, { strayEffects }) =>
    strayEffects.map(({ what, target, at }) => `${what} ${target} at ${new Date(at).toISOString()}`),

  'an execution was left running': ({ running }) => [...running],

  'a job was lost or made up': ({ jobs, made }) => {
    const there = new Set(jobs.map(({ id }) => id));
    const known = new Set(made);
    return [
      ...made.filter((id) => !there.has(id)).map((id) => `${id} is gone`),
      ...jobs.filter(({ id }) => !known.has(id)).map(({ id }) => `nobody made ${id}`),
    ];
  },

  'a job and its steps contradict each other': ({ jobs }) =>
    jobs
      .filter(({ status, active }) => (status === 'queued' || status === 'processing') !== active > 0)
      .map(({ id, status, active }) => `${id} is ${status} with ${active} active steps`),

  'the attempts of a job do not add up': ({ jobs, effects }) => {
    const raised = new Map<string, number>();
    for (const { what, target } of effects)
      if (what === 'attempt') raised.set(target, (raised.get(target) ?? 0) + 1);
    return jobs
      .filter(({ id, attempt }) => attempt !== 1 + (raised.get(id) ?? 0))
      .map(({ id, attempt }) => `${id} is at attempt ${attempt}`);
  },

  'the audit is out of order': ({ audit }) => disorder(audit),

  'the audit does not verify': ({ auditProblem }) => (auditProblem === undefined ? [] : [auditProblem]),

  'denials are missing from the audit': (evidence) => {
    const answered = safelyDenied(evidence);
    const recorded = evidence.audit
      .filter(({ phase }) => phase === 'denial')
      .reduce((sum, { count }) => sum + count, 0);
    return recorded < answered ? [`${answered} were answered, ${recorded} are on record`] : [];
  },

  'a process ended by itself': ({ crashes }) =>
    crashes.map(({ name, end, tail }) => `${name}: ${end}\n${tail}`),
};

function disorder(audit: readonly AuditEntry[]): string[] {
  const found: string[] = [];
  const lastOf = new Map<string, AuditEntry>();
  let newest = 0;
  for (const entry of audit) {
    if (entry.at < newest - CLOCK_TOLERANCE_MS)
      found.push(`${entry.seq} is ${Math.round(newest - entry.at)} ms older than one before it`);
    newest = Math.max(newest, entry.at);
    if (entry.execution_id === null) continue;
    const before = lastOf.get(entry.execution_id);
    if (before && before.at > entry.at)
      found.push(`${entry.seq} is older than ${before.seq} of its execution`);
    lastOf.set(entry.execution_id, entry);
  }
  return found;
}

/** Denials that were answered by a process that was not killed soon after: the count of a flood is in its memory. */
function safelyDenied({ orders, attempts, faults }: Evidence): number {
  const denials = new Set(orders.filter(({ kind }) => kind === 'denial').map(({ key }) => key));
  const kills = faults.filter(({ kind }) => kind === 'kill -9 of an api');
  return attempts.filter((attempt) => {
    if (!denials.has(attempt.key) || verdictOf(attempt) !== 'refusal') return false;
    return !kills.some(
      ({ detail, undoneAt }) =>
        detail === `api ${attempt.api + 1}` &&
        undoneAt >= attempt.endedAt &&
        undoneAt - attempt.endedAt < DENIALS_HELD_MS,
    );
  }).length;
}
