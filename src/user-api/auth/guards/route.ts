import type { ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The parts of the API that guards treat differently. */
export type Area = 'auth' | 'admin' | 'user' | 'other';

/** The request of an HTTP call; undefined for anything else that guards see, such as a gateway's messages. */
export function httpRequest(context: ExecutionContext): FastifyRequest | undefined {
  return context.getType() === 'http' ? context.switchToHttp().getRequest<FastifyRequest>() : undefined;
}

/** The answer to an HTTP call. */
export function httpReply(context: ExecutionContext): FastifyReply {
  return context.switchToHttp().getResponse<FastifyReply>();
}

/** Which part of the API a request is for, by the route that it matched and not by how its path was spelt. */
export function areaOf(request: FastifyRequest): Area {
  const route = request.routeOptions.url ?? '';
  if (!route.startsWith('/api/')) return 'other';
  if (route.startsWith('/api/auth/')) return 'auth';
  return route.startsWith('/api/admin/') ? 'admin' : 'user';
}
