import { QueryFailedError } from 'typeorm';

interface DriverError {
  code?: string;
  constraint?: string;
}

/** The SQLSTATE of a failed statement, undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof QueryFailedError ? (error.driverError as DriverError).code : undefined;
}

/** Whether a statement failed because `constraint` (or any unique constraint) would have been broken. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== '23505') return false;
  const { driverError } = error as QueryFailedError & { driverError: DriverError };
  return constraint === undefined || driverError.constraint === constraint;
}
