import { type ArgumentMetadata, type PipeTransform, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { AppError, type FieldError } from '../errors/app-error';
import { bodyField, fieldErrors, namedField } from '../errors/field-errors';

/**
 * Validates bodies, queries and parameters by their DTO classes; a field that is not declared is an error. A body
 * that is not there counts as an empty object.
 */
export class StrictValidationPipe implements PipeTransform {
  private readonly body = pipe(bodyField);
  private readonly others = pipe(namedField);

  /** @throws AppError VALIDATION_ERROR naming each field that is wrong */
  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    if (metadata.type !== 'body') {
      refuseInherited(value);
      return this.others.transform(value, metadata);
    }
    if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value)))
      throw invalid([bodyField([], 'must be an object')]);
    return this.body.transform(value, metadata);
  }
}

function pipe(describe: (keys: readonly string[], message: string) => FieldError): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    exceptionFactory: (errors: ValidationError[]) => invalid(fieldErrors(errors, describe)),
  });
}

/** Names that every object has are dropped without a word by class-transformer; in bodies the JSON reader refuses them. */
function refuseInherited(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const names = Object.keys(value).filter((name) => name in Object.prototype);
  if (names.length > 0)
    throw invalid(names.map((name) => namedField([name], 'is a name that is not allowed')));
}

function invalid(details: FieldError[]): AppError {
  return new AppError('VALIDATION_ERROR', undefined, { details });
}
