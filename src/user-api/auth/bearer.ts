import type { FastifyRequest } from 'fastify';

const SCHEME = 'bearer';

/** The access token of a request, from the header Authorization only; undefined if there is none. */
export function bearerToken(request: Pick<FastifyRequest, 'headers'>): string | undefined {
  return tokenOf(request.headers.authorization);
}

/** The token in a value of that header; undefined if it has another form. */
export function tokenOf(authorization: string | undefined): string | undefined {
  if (authorization?.indexOf(' ') !== SCHEME.length) return undefined;
  const token = authorization.slice(SCHEME.length + 1);
  if (token === '' || token.includes(' ')) return undefined;
  return authorization.slice(0, SCHEME.length).toLowerCase() === SCHEME ? token : undefined;
}
