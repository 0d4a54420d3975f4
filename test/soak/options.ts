import { parseArgs } from 'node:util';

/** What a soak is like. */
export interface SoakOptions {
  minutes: number;
  subscribers: number;
  /** Between two ends of processes, in seconds. */
  killEveryS: number;
  /** Decides who is cut off when, what is killed, and what is ordered. */
  seed: number;
}

/** More than one process can hold sockets of, as it is usually allowed. */
const MAX_SUBSCRIBERS = 10_000;
/** Access tokens of a run live for an hour. */
const MAX_MINUTES = 50;

/**
 * Reads `--minutes 10 --subscribers 1000 --kill-every 60 --seed N`.
 *
 * @throws Error naming what is wrong
 */
export function readOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      subscribers: { type: 'string', default: '1000' },
      'kill-every': { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  return {
    minutes: within('--minutes', values.minutes, 0.1, MAX_MINUTES),
    subscribers: Math.floor(within('--subscribers', values.subscribers, 1, MAX_SUBSCRIBERS)),
    killEveryS: within('--kill-every', values['kill-every'], 1, 3_600),
    seed: Math.floor(within('--seed', values.seed, 0, 2 ** 31 - 1)),
  };
}

function within(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!(value >= min && value <= max)) throw new Error(`${name} must be from ${min} to ${max}`);
  return value;
}
