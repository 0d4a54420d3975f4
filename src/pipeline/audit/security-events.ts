import { Inject, Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { auditEntry, type RequestOrigin, storableText } from './audit-entry';
import { AuditLog } from './audit-log';

/** What somebody in charge of security wants to be told at once. */
export type SecurityEventKind = 'account_locked' | 'refresh_token_reused' | 'ip_denied' | 'audit_broken';

/** One such event. */
export interface SecurityEvent {
  kind: SecurityEventKind;
  message: string;
  userId: string | null;
  origin: RequestOrigin;
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
    this.log.warn(`${event.kind}: ${event.message} (trace ${event.origin.traceId})`);
    await this.feed.publish('alerts', {
      kind: event.kind,
      severity: 'warning',
      message: event.message,
      user_id: event.userId,
      trace_id: event.origin.traceId,
      at: new Date().toISOString(),
    });
    // Through the aggregation: an attacker must not be able to fill the audit.
    this.audit.denied(
      auditEntry({
        phase: 'security',
        outcome: 'denied',
        actor_id: event.userId,
        error_code: event.kind,
        reason: event.message,
        trace_id: event.origin.traceId,
        ip: event.origin.ip,
        user_agent: storableText(event.origin.userAgent),
      }),
    );
  }
}
