import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunResult } from './run';

/**
 * Writes what is known about the orders that went wrong, as lines of JSON, with all attempts and faults, and the last
 * lines of the processes.
 *
 * @returns the folder
 */
export function writeHistory({ evidence, violations, failing, logs }: RunResult, seed: number): string {
  const parent = join(tmpdir(), 'agentos-nemesis');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, `seed-${seed}-`));
  const write = (name: string, rows: readonly unknown[]): void =>
    writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  write('violations.ndjson', violations);
  write('orders.ndjson', failing);
  write('faults.ndjson', evidence.faults);
  write(
    'attempts.ndjson',
    evidence.attempts.map((attempt) => ({ ...attempt, body: undefined })),
  );
  writeFileSync(join(folder, 'processes.log'), logs);
  return folder;
}
