import type { ValidationError } from 'class-validator';
import type { FieldError } from './app-error';
import { beginning } from '../text/cut';

/** Names that callers invent are repeated to them up to this length. */
const MAX_NAME = 100;
/** Messages hold such names, too. */
const MAX_MESSAGE = 300;

/** What is wrong with the field of a JSON body that these keys lead to; none: with the body as a whole. */
export function bodyField(keys: readonly string[], message: string): FieldError {
  const names = keys.map((key) => beginning(key, MAX_NAME));
  return {
    path: names.join('.'),
    pointer: names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    message: beginning(message, MAX_MESSAGE),
  };
}

/** What is wrong with anything else that has a name: a parameter of path or query, a header, a setting. */
export function namedField(keys: readonly string[], message: string): FieldError {
  const path = keys.map((key) => beginning(key, MAX_NAME)).join('.');
  return { path, message: beginning(message, MAX_MESSAGE) };
}

/**
 * Flattens class-validator's tree into one entry per broken rule.
 *
 * @param describe {@link bodyField} or {@link namedField}
 * @param root the keys that lead to what was validated
 */
export function fieldErrors(
  errors: readonly ValidationError[],
  describe: (keys: readonly string[], message: string) => FieldError,
  root: readonly string[] = [],
): FieldError[] {
  return errors.flatMap((error) => {
    const keys = [...root, error.property];
    const own = Object.values(error.constraints ?? {}).map((message) => describe(keys, message));
    return [...own, ...fieldErrors(error.children ?? [], describe, keys)];
  });
}
