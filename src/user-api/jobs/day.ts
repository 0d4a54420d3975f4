import { AppError } from '../../platform/errors/app-error';
import type { Tx } from '../../platform/postgres/db';
import { sqlState } from '../../platform/postgres/pg-errors';

/** A day of a time zone, from its first moment to the first of the next. */
export interface Day {
  date: string;
  startsAt: Date;
  endsAt: Date;
}

/** What Postgres says of a time zone that it does not know. */
const INVALID_PARAMETER_VALUE = '22023';

/**
 * The day of that date, or the one that it is now. Postgres computes it: days have 23 to 25 hours, and where clocks
 * are put forward at midnight they do not begin at 00:00.
 *
 * @throws AppError VALIDATION_ERROR for a zone that only Node knows
 */
export async function dayOf(tx: Tx, timezone: string, date?: string): Promise<Day> {
  try {
    const [day] = await tx.query<Day>(
      `SELECT to_char(date, 'YYYY-MM-DD') AS date, date::timestamp AT TIME ZONE $1 AS "startsAt",
         (date + 1)::timestamp AT TIME ZONE $1 AS "endsAt"
       FROM coalesce($2::date, (now() AT TIME ZONE $1)::date) AS date`,
      [timezone, date ?? null],
    );
    if (!day) throw new Error('Postgres does not tell the day');
    return day;
  } catch (error) {
    if (sqlState(error) !== INVALID_PARAMETER_VALUE) throw error;
    const details = [{ path: 'timezone', message: 'is not known to the database' }];
    throw new AppError('VALIDATION_ERROR', undefined, { details, cause: error });
  }
}
