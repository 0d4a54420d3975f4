import type { FastifyRequest } from 'fastify';

/** The access token of a request, from the header Authorization only; undefined if there is none. */
export function bearerToken(request: Pick<FastifyRequest, 'headers'>): string | undefined {
  const [scheme, token, ...rest] = request.headers.authorization?.split(' ') ?? [];
  return scheme?.toLowerCase() === 'bearer' && token && rest.length === 0 ? token : undefined;
}
