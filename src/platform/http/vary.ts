import type { FastifyReply } from 'fastify';

/** Says, besides what the answer says already, that it depends on these request headers. */
export function varyBy(reply: FastifyReply, ...names: string[]): void {
  const present = reply.getHeader('vary');
  const others = typeof present === 'string' && present !== '' ? [present] : [];
  void reply.header('vary', [...others, ...names].join(', '));
}
