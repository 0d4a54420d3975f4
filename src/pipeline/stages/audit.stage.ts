import { Inject, Injectable, Logger } from '@nestjs/common';
import { toAppError } from '../../platform/http/exception.filter';
import type { AppError } from '../../platform/errors/app-error';
import { errorAnswer } from '../answers';
import { auditEntry, storableText } from '../audit/audit-entry';
import { AuditLog } from '../audit/audit-log';
import { PayloadScrubber } from '../audit/payload-scrubber';
import type { CommandClass } from '../catalogue/action.decorator';
import { denialsTotal } from '../metrics';
import type { ActionAnswer, Run, Stage } from '../run';

/** A refused request is recorded without its payload when that is larger than this, in characters. */
const MAX_PAYLOAD = 4_000;

/** Opens the audit: whatever is refused from here on is on record, and every error becomes an answer. */
@Injectable()
export class AuditStage implements Stage {
  readonly name = 'audit';
  private readonly log = new Logger(AuditStage.name);

  constructor(
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(PayloadScrubber) private readonly scrubber: PayloadScrubber,
  ) {}

  async handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    try {
      return await next();
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.status >= 500)
        this.log.error(describe(run, error), (error.cause as Error | undefined)?.stack);
      // With a claim there is an intent, and its outcome is recorded by whoever holds that.
      if (!run.claim) {
        denialsTotal.inc({ code: error.code });
        this.audit.denied(this.denial(run, error));
      }
      return errorAnswer(run, error);
    }
  }

  private denial(run: Run, error: AppError) {
    const options = run.options as Run['options'] | undefined;
    const known = run.entry as Run['entry'] | undefined;
    return auditEntry({
      phase: 'denial',
      kind: options?.dry_run ? 'preview' : 'act',
      outcome: 'denied',
      actor_id: run.actor.userId,
      actor_role: run.actor.role,
      action: known?.name ?? null,
      payload: this.payload(run, known?.command),
      status: error.status,
      error_code: error.code,
      reason: this.scrubber.text(options?.reason),
      detail: known ? null : { action: storableText(String(run.action), 100) },
      trace_id: run.call.origin.traceId,
      ip: run.call.origin.ip,
      user_agent: storableText(run.call.origin.userAgent),
    });
  }

  private payload(run: Run, command: CommandClass | undefined): unknown {
    const text = JSON.stringify(run.payload ?? null);
    return text.length > MAX_PAYLOAD
      ? { omitted: 'too large', characters: text.length }
      : this.scrubber.payload(run.payload, command);
  }
}

function describe(run: Run, error: AppError): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${String(run.action)} ended with ${error.code}${cause} (trace ${run.call.origin.traceId})`;
}
