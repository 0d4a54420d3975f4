import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { addressGroup } from '../limits/address-group';
import { AlertThrottle } from './alert-throttle';
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
  'audit_retired',
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

/**
 * Puts security events on record: in the audit, on the gateway's topic `alerts`, and in the log. Who attacks decides
 * how often, so the same threat is told once at once, and after that with its number, every ten seconds.
 */
@Injectable()
export class SecurityEvents implements BeforeApplicationShutdown {
  private readonly log = new Logger(SecurityEvents.name);
  private readonly threats = new AlertThrottle<SecurityEvent>((event, count) => void this.tell(event, count));

  constructor(
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
  ) {}

  /** Tells what is still held back. */
  beforeApplicationShutdown(): void {
    this.threats.flush();
  }

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

  /** Tells of an event that is in the audit already, unless it is one of many alike. Never throws. */
  async alert(event: SecurityEvent): Promise<void> {
    if (isChange(event.kind) || this.threats.admit(event.kind, sameness(event), event))
      await this.tell(event);
  }

  /** @param more if it stands for so many that were held back, and is the last of them */
  private async tell(event: SecurityEvent, more?: number): Promise<void> {
    const { kind, message, userId, actorId, origin } = event;
    const times = more === undefined ? '' : `${more} more in 10 s, the last of them: `;
    // The kind behind: before a colon, one that names a token or a key would have the next word taken for a secret.
    this.log.warn(`${times}${message} (${kind}, trace ${origin.traceId})`);
    await this.feed.publish('alerts', {
      kind,
      severity: isChange(kind) ? 'info' : 'warning',
      message,
      user_id: userId,
      ...(actorId === undefined ? {} : { actor_id: actorId }),
      ...(more === undefined ? {} : { count: more }),
      trace_id: origin.traceId,
      at: new Date().toISOString(),
    });
  }
}

/** What makes two events of a kind the same threat. */
function sameness({ message, userId, origin }: SecurityEvent): string {
  return [message, userId, origin.ip === null ? '' : addressGroup(origin.ip)].join('\n');
}

function isChange(kind: SecurityEventKind): boolean {
  return (CHANGE_KINDS as readonly string[]).includes(kind);
}
