import { ForbiddenException, HttpException, PayloadTooLargeException } from '@nestjs/common';
import { AppError } from '../errors/app-error';
import { toAppError } from './exception.filter';

const CANARY = 'password=canary at /srv/app.ts';

describe('what a caller is told about what was thrown', () => {
  it.each([
    ['an error of ours that nobody expected', new TypeError(CANARY), 'INTERNAL_ERROR'],
    ['no error at all', CANARY, 'INTERNAL_ERROR'],
    ['nothing', undefined, 'INTERNAL_ERROR'],
    ['of the framework', new ForbiddenException(CANARY), 'FORBIDDEN'],
    ['of the framework, with its status', new PayloadTooLargeException(CANARY), 'PAYLOAD_TOO_LARGE'],
    ['of the framework, of a status that has no code', new HttpException(CANARY, 418), 'INTERNAL_ERROR'],
    ['of Fastify', Object.assign(new Error(CANARY), { statusCode: 415 }), 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'of Postgres, which is away',
      Object.assign(new Error(CANARY), { code: 'ECONNREFUSED' }),
      'SERVICE_UNAVAILABLE',
    ],
  ])('%s is nothing of what it says, which the log has', (_what, thrown, code) => {
    const error = toAppError(thrown);
    expect(error.code).toBe(code);
    expect(error.message).toBe(new AppError(error.code).message);
    expect(error.details).toBeUndefined();
    expect(error.cause).toBe(thrown);
  });

  it('is what an error says that is meant for them', () => {
    const error = new AppError('CONFLICT', 'The job has begun.');
    expect(toAppError(error)).toBe(error);
  });
});
