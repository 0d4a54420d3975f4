import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, writePrivate } from '../files';
import { saysDiskFull } from '../problem';
import { isAlive, type ProcessIdentity } from '../../platform/process/process-identity';

/** A process that this installation started, in the order of starting. */
export interface OwnedProcess extends ProcessIdentity {
  name: string;
  /** What asks it to stop: Postgres knows SIGINT as "at once, but cleanly". */
  stopSignal: NodeJS.Signals;
}

const POLL_MS = 50;

/**
 * How long what an earlier launcher left running may take to stop, in milliseconds. Postgres writes all that it has in
 * memory to the disk first; killed meanwhile, it would leave processes and a lock behind that keep the next one out.
 */
export function graceMsOf({ name }: Pick<OwnedProcess, 'name'>): number {
  return name === 'postgres' ? 60_000 : 10_000;
}

/**
 * The list of everything that was started, kept in a file: a launcher that was killed leaves it behind, and
 * the next one ends what still runs. Each process leads its own process group.
 */
export class OwnedProcesses {
  private readonly running = new Map<number, OwnedProcess>();

  constructor(private readonly path: string) {}

  add(owned: OwnedProcess): void {
    this.running.set(owned.pid, owned);
    this.save();
  }

  remove(pid: number): void {
    if (this.running.delete(pid)) this.save();
  }

  /**
   * Ends what an earlier launcher left running, last started first; who does not stop within {@link graceMsOf} is
   * killed with its group.
   *
   * @returns the names of those that were ended
   */
  async endLeftovers(): Promise<string[]> {
    const left = (readJson<OwnedProcess[]>(this.path) ?? []).filter(isAlive).reverse();
    for (const owned of left) await endProcess(owned, graceMsOf(owned));
    this.save();
    return left.map((owned) => owned.name);
  }

  private save(): void {
    try {
      writePrivate(this.path, JSON.stringify([...this.running.values()], null, 1));
    } catch (error) {
      // Restarting a process matters more than the list; a full disk at the start is reported elsewhere.
      if (!saysDiskFull(error)) throw error;
    }
  }
}

/** Stops a process, gracefully for `graceMs` milliseconds, then by killing its group. Resolves when it is gone. */
export async function endProcess(owned: OwnedProcess, graceMs: number): Promise<void> {
  signal(owned.pid, owned.stopSignal);
  if (await isGone(owned, graceMs)) return;
  signal(-owned.pid, 'SIGKILL');
  await isGone(owned, 5_000);
}

/** Sends a signal to a process (or, negative, its group); that it is gone already is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function isGone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(POLL_MS)) {
    if (!isAlive(identity)) return true;
  }
  return !isAlive(identity);
}
