import type { Answering } from './plain-reply';

/** Says, besides what the answer says already, that it depends on these request headers. */
export function varyBy(reply: Answering, ...names: string[]): void {
  const present = reply.getHeader('vary');
  const others = typeof present === 'string' && present !== '' ? [present] : [];
  void reply.header('vary', [...others, ...names].join(', '));
}
