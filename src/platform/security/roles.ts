/** The roles, from the most to the least powerful on the admin side. */
export const ROLES = ['admin', 'operator', 'supervisor', 'readonly', 'user'] as const;

/** A role of a user. */
export type Role = (typeof ROLES)[number];

/** Who does something: the user of a verified session, with the role that Postgres says they have. */
export interface Actor {
  userId: string;
  email: string;
  role: Role;
  sessionId: string;
  /** The key that their access token is signed with: what came of the token ends when that is taken away. */
  kid?: string;
}

/** Whether a role may look at what belongs to others. */
export function mayReadAll(role: Role): boolean {
  return role !== 'user';
}
