import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error';
import type { Actor } from '../security/roles';
import './request';

/** Who sends the request. On a route that needs no access token there may be nobody: that is an UNAUTHORIZED. */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  const { actor } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!actor) throw new AppError('UNAUTHORIZED');
  return actor;
});
