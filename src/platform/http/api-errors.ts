import { ApiExtension } from '@nestjs/swagger';
import type { ErrorCode } from '../errors/error-codes';

/** The extension of an operation that lists the codes which it may answer with. */
export const ERROR_CODES_EXTENSION = 'x-error-codes';

/** Documents the error answers of a route that needs an access token. */
export function ApiErrors(...codes: ErrorCode[]): MethodDecorator & ClassDecorator {
  return ApiPublicErrors('UNAUTHORIZED', ...codes);
}

/** Documents the error answers of a route, besides those that follow from what it is (see `describeErrors`). */
export function ApiPublicErrors(...codes: ErrorCode[]): MethodDecorator & ClassDecorator {
  return ApiExtension(ERROR_CODES_EXTENSION, codes);
}
