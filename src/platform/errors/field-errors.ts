import type { ValidationError } from 'class-validator';
import type { FieldError } from './app-error';

/** Flattens class-validator's tree into one entry per broken rule, with the path from `root` to the field. */
export function fieldErrors(errors: ValidationError[], root = ''): FieldError[] {
  return errors.flatMap((error) => {
    const path = root ? `${root}.${error.property}` : error.property;
    const own = Object.values(error.constraints ?? {}).map((message) => ({ path, message }));
    return [...own, ...fieldErrors(error.children ?? [], path)];
  });
}
