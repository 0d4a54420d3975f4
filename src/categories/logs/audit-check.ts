import { Inject, Injectable } from '@nestjs/common';
import { CheckpointFile } from '../../pipeline/audit/seals/checkpoint-file';
import { lastSeal } from '../../pipeline/audit/seals/stored';
import { SecurityEvents } from '../../pipeline/audit/security-events';
import { AuditVerifier } from '../../pipeline/audit/verify/audit-verifier';
import { PostgresSource } from '../../pipeline/audit/verify/postgres-source';
import type { Verification } from '../../pipeline/audit/verify/verification';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { Db } from '../../platform/postgres/db';
import { AuditKeys } from '../../platform/security/audit-keys';
import { ENV, type Env } from '../../platform/settings/env';

/** Verifies the audit of this installation, as `npm run audit:verify` does. */
@Injectable()
export class AuditCheck {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(AuditKeys) private readonly keys: AuditKeys,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /** Verifies it from the first seal on; an audit that was tampered with is a security event. */
  async run(context: ActionContext): Promise<Verification> {
    const total = (await lastSeal(this.db))?.number;
    const result = await AuditVerifier.verify(
      new PostgresSource(this.db),
      await this.keys.verifying(),
      new CheckpointFile(this.env.auditCheckpointFile).all(),
      {
        onSeal: ({ number }) => {
          context.signal.throwIfAborted();
          context.progress({ done: number, total: Math.max(total ?? 0, number) });
        },
      },
    );
    if (result.first) {
      const { userId } = context.actor;
      const origin = { traceId: context.traceId, ip: null, userAgent: null };
      await this.security.record({ kind: 'audit_broken', message: result.first.message, userId, origin });
    }
    return result;
  }
}
