import { createHash } from 'node:crypto';
import { identify, type ProcessIdentity } from './process-identity';

const NAME = /^(\d{1,10})\.[0-9a-f]{16}$/;

/** A process as a part of a file name, for good: its pid and a digest of its start time. */
export function processName({ pid, start }: ProcessIdentity): string {
  return `${pid}.${createHash('sha256').update(start).digest('hex').slice(0, 16)}`;
}

/** The pid in a name that {@link processName} made; undefined for any other text. */
export function pidOf(name: string): number | undefined {
  const match = NAME.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** Whether the very process of that name still runs. */
export function namedProcessRuns(name: string): boolean {
  const identity = identify(pidOf(name) ?? 0);
  return identity !== undefined && processName(identity) === name;
}
