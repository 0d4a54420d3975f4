import { parseArgs } from 'node:util';

/** What a run is like. */
export interface NemesisOptions {
  /** How long things are broken, in minutes. */
  minutes: number;
  clients: number;
  /** Decides what is broken when, and what clients do. */
  seed: number;
}

/** The most clients that a run can have: each has a user, and each user is signed in. */
const MAX_CLIENTS = 200;
/** Access tokens of a run live for an hour. */
const MAX_MINUTES = 50;

/**
 * Reads `--minutes 5 --clients 20 --seed N`.
 *
 * @throws Error naming what is wrong
 */
export function readOptions(args: readonly string[]): NemesisOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      clients: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= MAX_MINUTES))
    throw new Error(`--minutes must be more than 0 and at most ${MAX_MINUTES}`);
  return {
    minutes,
    clients: whole('--clients', values.clients, 1, MAX_CLIENTS),
    seed: whole('--seed', values.seed, 0, 2 ** 31 - 1),
  };
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`${name} must be a whole number from ${min} to ${max}`);
  return value;
}
