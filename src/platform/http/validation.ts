import { ValidationPipe } from '@nestjs/common';
import { AppError } from '../errors/app-error';
import { fieldErrors } from '../errors/field-errors';

/** Validates bodies, queries and parameters by their DTO classes; a field that is not declared is an error. */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    exceptionFactory: (errors) =>
      new AppError('VALIDATION_ERROR', undefined, { details: fieldErrors(errors) }),
  });
}
