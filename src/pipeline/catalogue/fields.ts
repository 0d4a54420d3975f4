import { ValidateIf, type ValidationOptions } from 'class-validator';

/**
 * The field may be left out. Unlike class-validator's IsOptional it does not let null through, which
 * would override a default.
 */
export function MayBeAbsent(options?: ValidationOptions): PropertyDecorator {
  return ValidateIf((_command, value) => value !== undefined, options);
}
