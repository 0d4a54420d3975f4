/** pino's numbers of the levels, and what they are called everywhere else. */
export const LOG_LEVELS = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
} as const;

/** What a level is called. */
export type LogLevel = (typeof LOG_LEVELS)[keyof typeof LOG_LEVELS];

/** From this number on, a line is never left out for the sake of others. */
export const WARN = 40;
/** From this number on, a line tells what happened; below, it helps to find out why. */
export const INFO = 30;

/** The name of pino's number; an unknown one counts as the next below. */
export function levelName(number: number): LogLevel {
  const known = Object.keys(LOG_LEVELS).map(Number) as (keyof typeof LOG_LEVELS)[];
  return LOG_LEVELS[known.filter((level) => level <= number).at(-1) ?? 10];
}
