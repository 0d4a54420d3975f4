import { Inject, Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { auditEntry, type RequestOrigin, storableText } from './audit-entry';
import { AuditLog } from './audit-log';

/** What was refused, or found out, and may be an attack. */
export type ThreatKind = 'account_locked' | 'refresh_token_reused' | 'ip_denied' | 'audit_broken';

/** What somebody was allowed to do, and somebody else may want to know of. */
const CHANGE_KINDS = [
  'access_settings_changed',
  'account_created',
  'account_disabled',
  'account_enabled',
  'account_unlocked',
  'password_set',
  'role_changed',
  'signing_key_added',
] as const;

/** What somebody in charge of security wants to be told at once. */
export type SecurityEventKind = ThreatKind | (typeof CHANGE_KINDS)[number];

/** One such event. */
export interface SecurityEvent {
  readonly kind: SecurityEventKind;
  readonly message: string;
  /** Whose account it is about. */
  readonly userId: string | null;
  /** Who did it, if that is somebody else. */
  readonly actorId?: string;
  readonly origin: RequestOrigin;
}

/** Puts security events on record: in the audit, on the gateway's topic `alerts`, and in the log. */
@Injectable()
export class SecurityEvents {
  private readonly log = new Logger(SecurityEvents.name);

  constructor(
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
  ) {}

  /** Records an event. Never throws: what it tells of has been dealt with already. */
  async record(event: SecurityEvent): Promise<void> {
    await this.alert(event);
    // Through the aggregation: an attacker must not be able to fill the audit.
    this.audit.denied(
      auditEntry({
        phase: 'security',
        outcome: isChange(event.kind) ? 'succeeded' : 'denied',
        actor_id: event.actorId ?? event.userId,
        error_code: event.kind,
        reason: event.message,
        detail: event.actorId === undefined ? null : { user_id: event.userId },
        trace_id: event.origin.traceId,
        ip: event.origin.ip,
        user_agent: storableText(event.origin.userAgent),
      }),
    );
  }

  /** Tells of an event that is in the audit already. Never throws. */
  async alert(event: SecurityEvent): Promise<void> {
    this.log.warn(`${event.kind}: ${event.message} (trace ${event.origin.traceId})`);
    await this.feed.publish('alerts', {
      kind: event.kind,
      severity: isChange(event.kind) ? 'info' : 'warning',
      message: event.message,
      user_id: event.userId,
      ...(event.actorId === undefined ? {} : { actor_id: event.actorId }),
      trace_id: event.origin.traceId,
      at: new Date().toISOString(),
    });
  }
}

function isChange(kind: SecurityEventKind): boolean {
  return (CHANGE_KINDS as readonly string[]).includes(kind);
}
