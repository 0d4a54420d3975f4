import { type Actor, mayReadAll } from '../platform/security/roles';

/** Whose things the actor may read: undefined = everybody's. */
export function ownerScope(actor: Actor): string | undefined {
  return mayReadAll(actor.role) ? undefined : actor.userId;
}
