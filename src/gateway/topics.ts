import type { Role } from '../platform/security/roles';

/** What a topic of the admin side is. */
export interface AdminTopic {
  /** Who may follow it. */
  readonly roles: readonly Role[];
  /** Whether it stands for a document: its events are patches, and who comes anew gets a snapshot. */
  readonly hasState?: true;
  /** Whether its events can be filtered. */
  readonly hasFilter?: true;
}

/** Topics that one connection may follow. */
export const MAX_TOPICS = 200;

const READERS: readonly Role[] = ['admin', 'operator', 'supervisor', 'readonly'];

/** The topics of the admin side by name. Besides them each job has one, `job:<id>`. */
export const ADMIN_TOPICS: ReadonlyMap<string, AdminTopic> = new Map<string, AdminTopic>([
  ['ssot', { roles: READERS, hasState: true }],
  ['jobs', { roles: READERS }],
  ['queues', { roles: READERS }],
  ['workers', { roles: READERS }],
  ['executions', { roles: READERS }],
  ['logs', { roles: READERS, hasFilter: true }],
  // As logs.search_audit.
  ['audit', { roles: ['admin', 'supervisor', 'readonly'] }],
  ['alerts', { roles: ['admin', 'operator', 'supervisor'] }],
]);
