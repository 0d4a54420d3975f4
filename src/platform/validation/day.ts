import { buildMessage, ValidateBy, type ValidationOptions } from 'class-validator';
import { isTimestamp } from './timestamp';

/** Names of the IANA time zone database begin with a letter. What does not is an offset, whose sign Postgres turns round. */
const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/;

/** Whether a value is a day of the calendar as `2026-01-31`. */
export function isDay(value: unknown): value is string {
  return typeof value === 'string' && isTimestamp(`${value}T00:00:00Z`);
}

/** Whether a value names a time zone of the IANA database. */
export function isTimeZone(value: unknown): value is string {
  if (typeof value !== 'string' || !ZONE.test(value)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false; // a RangeError is how it says no
  }
}

/** The field is a day: see {@link isDay}. */
export function IsDay(options?: ValidationOptions): PropertyDecorator {
  return rule('isDay', isDay, 'must be a day like 2026-01-31', options);
}

/** The field is a time zone: see {@link isTimeZone}. */
export function IsTimeZone(options?: ValidationOptions): PropertyDecorator {
  return rule('isTimeZone', isTimeZone, 'must be a time zone like Europe/Amsterdam or UTC', options);
}

function rule(
  name: string,
  validate: (value: unknown) => boolean,
  text: string,
  options?: ValidationOptions,
): PropertyDecorator {
  const defaultMessage = buildMessage((each) => `${each}$property ${text}`, options);
  return ValidateBy({ name, validator: { validate, defaultMessage } }, options);
}
