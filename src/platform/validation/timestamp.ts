import { buildMessage, ValidateBy, type ValidationOptions } from 'class-validator';

/** RFC 3339, 5.6; in groups its numbers in turn, offset included. */
const FORM =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)T(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)(?:\.\d{1,9})?(?:Z|[+-](?<offsetHour>\d\d):(?<offsetMinute>\d\d))$/;

const HIGHEST: Record<string, number> = {
  month: 12,
  hour: 23,
  minute: 59,
  second: 59,
  offsetHour: 15,
  offsetMinute: 59,
};

/**
 * Whether a value is a moment as RFC 3339 writes it, with its offset, of a day that exists. ISO 8601 has many more
 * forms (weeks, days of the year, no offset), which Postgres and JavaScript understand in different ways, or not.
 */
export function isTimestamp(value: unknown): value is string {
  const parts = typeof value === 'string' ? FORM.exec(value)?.groups : undefined;
  if (!parts) return false;
  const numbers = Object.entries(parts).map(([name, text]) => [name, Number(text ?? 0)] as const);
  if (numbers.some(([name, number]) => number > (HIGHEST[name] ?? Infinity))) return false;
  const { year = 0, month = 0, day = 0 } = Object.fromEntries(numbers);
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return year > 0 && month > 0 && day > 0 && day <= lastDay;
}

/** The field is a moment: see {@link isTimestamp}. */
export function IsTimestamp(options?: ValidationOptions): PropertyDecorator {
  const message = buildMessage(
    (each) => `${each}$property must be a date and time like 2026-01-31T12:00:00Z`,
    options,
  );
  return ValidateBy(
    { name: 'isTimestamp', validator: { validate: isTimestamp, defaultMessage: message } },
    options,
  );
}
