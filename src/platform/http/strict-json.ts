import { getUnsafeNumberReason, parse, UnsafeNumberReason } from 'lossless-json';
import { AppError } from '../errors/app-error';

/** Deeper nesting than this is an attack, not a request. */
const MAX_DEPTH = 32;
/** Names that every object has, or that lead to what all objects share: merging or mapping them goes wrong somewhere. */
const FORBIDDEN_KEYS = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

/**
 * Reads JSON so that every parser along the way would understand the same: doubled keys, integers beyond 2^53 that lose
 * digits in whatever notation (`9007199254740993.0`), numbers that overflow or vanish, nesting over 32, keys that every
 * object has (`__proto__`, `constructor`, `toString`, ...), NUL and lone surrogates are refused.
 *
 * @throws AppError VALIDATION_ERROR with a sentence that says what is wrong
 */
export function parseStrictJson(text: string): unknown {
  const { members, numbers } = scan(text);
  let value: unknown;
  try {
    // Numbers are what the usual parser changes without a word; it takes a tenth of the time where there are none.
    value = numbers ? parse(text, undefined, { parseNumber: strictNumber }) : JSON.parse(text);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw malformed('The body is not well-formed JSON, or has a key twice in one object.');
  }
  // The parser lets a doubled key pass when both values are equal; then it keeps fewer members than were sent.
  if (inspect(value) !== members) throw malformed('A key stands twice in one object.');
  return value;
}

function strictNumber(text: string): number {
  const reason = getUnsafeNumberReason(text);
  const value = Number(text);
  // Digits of a fraction may be lost, those of a whole number not: it may be an id, or a size.
  const rounded = reason === UnsafeNumberReason.truncate_float && !losesDigitsOfInteger(text, value);
  if ((reason !== undefined && !rounded) || Object.is(value, -0))
    throw malformed(`The number ${text.slice(0, 40)} cannot be represented exactly.`);
  return value;
}

function losesDigitsOfInteger(text: string, value: number): boolean {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return false;
  return digitsOf(text) !== digitsOf(String(value));
}

/** Those of a number that count, without its sign, its point and its exponent. */
function digitsOf(text: string): string {
  const [mantissa = ''] = text.toLowerCase().split('e');
  return mantissa.replace(/[-.]/g, '').replace(/^0+|0+$/g, '');
}

/** Refuses what must not be stored or merged; the number of members of all objects in the value. */
function inspect(value: unknown): number {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw malformed('The body contains a NUL character.');
    if (!value.isWellFormed()) throw malformed('The body contains half of a surrogate pair.');
    return 0;
  }
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + inspect(item), 0);
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  for (const key of Object.keys(value)) {
    if (FORBIDDEN_KEYS.has(key)) throw malformed(`The key "${key}" is not allowed.`);
    members += 1 + inspect(key) + inspect((value as Record<string, unknown>)[key]);
  }
  return members;
}

/**
 * What a text has outside of strings: the number of colons, one for each member of an object, and whether there are
 * numbers. Refuses deep nesting on the way.
 */
function scan(text: string): { members: number; numbers: boolean } {
  let depth = 0;
  let members = 0;
  let numbers = false;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (inString) {
      if (character === '\\') i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === ':') members++;
    else if (character >= '0' && character <= '9') numbers = true;
    else if (character === '}' || character === ']') depth--;
    else if ((character === '{' || character === '[') && ++depth > MAX_DEPTH)
      throw malformed(`The body is nested deeper than ${MAX_DEPTH} levels.`);
  }
  return { members, numbers };
}

function malformed(message: string): AppError {
  return new AppError('VALIDATION_ERROR', message);
}
