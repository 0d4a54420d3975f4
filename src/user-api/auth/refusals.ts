import { Inject, Injectable } from '@nestjs/common';
import { auditEntry, storableText } from '../../pipeline/audit/audit-entry';
import { AuditLog } from '../../pipeline/audit/audit-log';
import type { ActionRequest } from '../../pipeline/http/action-call';
import type { AppError } from '../../platform/errors/app-error';
import type { Actor } from '../../platform/security/roles';

/** What the record has to know of a request. */
export type RefusedRequest = Pick<ActionRequest, 'traceId' | 'clientIp' | 'headers'>;

/** Puts on record what somebody who is known was refused before the pipeline, which records what it refuses, was asked. */
@Injectable()
export class Refusals {
  constructor(@Inject(AuditLog) private readonly audit: AuditLog) {}

  /**
   * Records a refusal, without anything of its body.
   *
   * @param route the template of the route
   * @param action what it would have run, where the route alone says so
   */
  record(
    request: RefusedRequest,
    route: string | null,
    error: AppError,
    who: Pick<Actor, 'userId'> & Partial<Actor>,
    action: string | null = null,
  ): void {
    this.audit.denied(
      auditEntry({
        phase: 'denial',
        outcome: 'denied',
        actor_id: who.userId,
        actor_role: who.role ?? null,
        action,
        status: error.status,
        error_code: error.code,
        detail: { route },
        trace_id: request.traceId,
        ip: request.clientIp,
        user_agent: storableText(request.headers['user-agent']),
      }),
    );
  }
}
