/** What the levels of log lines are called, the least first. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** What a level is called. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** From this number of pino's on, a line is never left out for the sake of others. */
export const WARN = 40;
/** From this number on, a line tells what happened; below, it helps to find out why. */
export const INFO = 30;

/** The name of pino's number, which are 10 to 60 by tens; an unknown one counts as the next below. */
export function levelName(number: number): LogLevel {
  return LOG_LEVELS[Math.min(Math.floor(number / 10), LOG_LEVELS.length) - 1] ?? 'trace';
}
