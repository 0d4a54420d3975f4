import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { AuditKeys } from '../../platform/security/audit-keys';
import { ENV, type Env } from '../../platform/settings/env';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { newTraceId } from '../../platform/telemetry/trace-id';
import { auditEntry } from './audit-entry';
import { AuditLog } from './audit-log';
import { CheckpointFile } from './seals/checkpoint-file';
import { NO_SEAL, type Seal, sealHash } from './seals/seal';
import { AuditBroken } from './seals/seal-trail';
import { chainFrom } from './seals/stored';
import { lastRetirable, newestTombstone, storeTombstone } from './seals/stored-tombstones';
import { makeTombstone, type Tombstone } from './seals/tombstone';
import { SecurityEvents } from './security-events';
import { AuditVerifier } from './verify/audit-verifier';
import { PostgresSource } from './verify/postgres-source';

/** Seals under one tombstone at most. What there is more goes under the next one. */
const MAX_SEALS = 10_000;
/** Rows that one transaction removes, about. */
const BATCH = 1_000;
const DAY_MS = 86_400_000;

/** @throws Error if Postgres, whom retention does not have to believe, is alone in saying that the seal is that old */
function mustBeOld({ number, sealed_at }: Seal, keepDays: number): void {
  if (Date.parse(sealed_at) + keepDays * DAY_MS <= Date.now()) return;
  throw new Error(
    `Nothing is retired: Postgres takes seal ${number} of ${sealed_at} to be older than ${keepDays} days, and by the clock of this machine it is not. One of the clocks is wrong, or somebody turns that of Postgres.`,
  );
}

/**
 * Lets go of what is older than the settings say: whole seals with their entries, from the beginning of the audit on.
 * A signed tombstone says so first; it is itself on record in the audit. A day later the server removes what is under
 * it. What has no checkpoint, or does not verify, is not retired: retention must not destroy evidence.
 */
@ControlLoop()
export class AuditRetention implements Manager {
  readonly name = 'audit-retention';
  readonly intervalMs = 600_000;
  private readonly checkpoints: CheckpointFile;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(AuditKeys) private readonly keys: AuditKeys,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(ENV) env: Env,
  ) {
    this.checkpoints = new CheckpointFile(env.auditCheckpointFile);
  }

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    let items = 0;
    for (;;) {
      signal.throwIfAborted();
      const tombstone = await this.retire(signal);
      if (!tombstone) break;
      items += tombstone.entries;
    }
    return { items: items + (await this.removeRetired(signal)) };
  }

  /** @returns undefined if nothing is old enough */
  private async retire(signal: AbortSignal): Promise<Tombstone | undefined> {
    const { keep_days: keepDays } = this.settings.current().audit;
    const witness = await this.checkpoints.latest();
    if (keepDays === null || !witness) return undefined;
    const before = await newestTombstone(this.db);
    const after = before?.to_seal ?? 0;
    const last = await lastRetirable(this.db, {
      after,
      witnessed: witness.number,
      keepDays,
      most: MAX_SEALS,
    });
    if (last === undefined) return undefined;
    const entries = await this.verifiedEntries(last, signal);
    for await (const seal of chainFrom(this.db, last)) {
      mustBeOld(seal, keepDays);
      const covered = {
        from_seal: after + 1,
        to_seal: last,
        from_seq: (before?.to_seq ?? 0) + 1,
        to_seq: seal.to_seq,
        entries,
        prev: before?.hash ?? NO_SEAL,
        hash: sealHash(seal),
        keep_days: keepDays,
      };
      return this.record(makeTombstone(covered, await this.keys.signing(), new Date()));
    }
    return undefined;
  }

  /** How many entries there are that are not retired yet, up to a seal. @throws AuditBroken if they were tampered with */
  private async verifiedEntries(lastSeal: number, signal: AbortSignal): Promise<number> {
    const { first, entries } = await AuditVerifier.verify(
      new PostgresSource(this.db, lastSeal),
      await this.keys.verifying(),
      this.checkpoints.all(),
      { onSeal: () => signal.throwIfAborted() },
    );
    if (!first) return entries;
    const message = `Nothing is retired, because the audit was tampered with. ${first.message}`;
    const origin = { traceId: newTraceId(), ip: null, userAgent: null };
    await this.security.record({ kind: 'audit_broken', message, userId: null, origin });
    throw new AuditBroken(message);
  }

  private async record(tombstone: Tombstone): Promise<Tombstone> {
    const { from_seal, to_seal, from_seq, to_seq, entries, keep_days } = tombstone;
    const message = `Seals ${from_seal} to ${to_seal} with ${entries} entries are older than ${keep_days} days and retired.`;
    const origin = { traceId: newTraceId(), ip: null, userAgent: null };
    await this.db.transaction(async (tx) => {
      await storeTombstone(tx, tombstone);
      const detail = { from_seal, to_seal, from_seq, to_seq, entries, keep_days };
      const said = { error_code: 'audit_retired', reason: message, detail, trace_id: origin.traceId };
      await this.audit.write([auditEntry({ phase: 'security', outcome: 'succeeded', ...said })], tx);
    });
    await this.security.alert({ kind: 'audit_retired', message, userId: null, origin });
    return tombstone;
  }

  /** A transaction for each few seals, so that nobody waits for long. */
  private async removeRetired(signal: AbortSignal): Promise<number> {
    let removed = 0;
    for (;;) {
      signal.throwIfAborted();
      const [row] = await this.db.query<{ n: number }>('SELECT audit_remove_retired($1) AS n', [BATCH]);
      if (!row?.n) return removed;
      removed += row.n;
    }
  }
}
