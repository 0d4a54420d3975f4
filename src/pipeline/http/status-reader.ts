import { Inject, Injectable } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import type { Actor } from '../../platform/security/roles';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { PermissionsService } from '../access/permissions.service';
import { CircuitStore } from '../breaker/circuit-store';
import { DEPENDENCIES } from '../catalogue/action.decorator';
import { Catalogue } from '../catalogue/catalogue';
import { actionPolicies } from '../limits/action-limits';
import { type LimitPolicy, RateLimiter } from '../limits/rate-limiter';
import type { CircuitView, ExecutionView, LimitView, PipelineView, StatusView } from './status.dto';

/** How many executions an overview lists. */
const RECENT = 20;

/** A preview's result is its frozen selection, which may be long and is of no use to a reader. */
const COLUMNS = `id AS execution_id, action, kind, status, actor_id, progress, attempts, abort_requested_at,
  CASE WHEN kind = 'act' THEN result END AS result, error_code, trace_id, created_at, finished_at`;

/** What became of executions, and how the pipeline is. */
@Injectable()
export class StatusReader {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(PermissionsService) private readonly permissions: PermissionsService,
    @Inject(CircuitStore) private readonly circuits: CircuitStore,
    @Inject(RateLimiter) private readonly limiter: RateLimiter,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** An execution that the actor may see: their own, or anybody's for an admin. */
  async find(actor: Actor, executionId: string): Promise<ExecutionView | undefined> {
    const [row] = await this.db.query<ExecutionView>(
      `SELECT ${COLUMNS} FROM executions WHERE id = $1 AND (actor_id = $2 OR $3)`,
      [executionId, actor.userId, actor.role === 'admin'],
    );
    return row;
  }

  /** What the actor has run lately, and the pipeline. */
  async overview(actor: Actor): Promise<StatusView> {
    const [recent, pipeline] = await Promise.all([this.recent(actor), this.pipeline(actor)]);
    return { recent, pipeline };
  }

  private recent(actor: Actor): Promise<ExecutionView[]> {
    return this.db.query<ExecutionView>(
      `SELECT ${COLUMNS} FROM executions WHERE actor_id = $1 ORDER BY id DESC LIMIT ${RECENT}`,
      [actor.userId],
    );
  }

  private async pipeline(actor: Actor): Promise<PipelineView> {
    const [circuits, limits, rows] = await Promise.all([
      // Redis away is a fact to show, not a reason to show nothing.
      this.circuitViews().catch(() => null),
      this.limitViews(actor).catch(() => null),
      this.db.query<{ running: number }>(
        `SELECT count(*) AS running FROM executions WHERE status = 'running'`,
      ),
    ]);
    return {
      circuits,
      limits,
      running: rows[0]?.running ?? 0,
      permissions: this.permissions.held(actor.role),
    };
  }

  private async circuitViews(): Promise<CircuitView[]> {
    const states = await this.circuits.states(DEPENDENCIES);
    return states.map(({ dependency, state, epoch, restMs, forced }) => ({
      dependency,
      state: forced ?? state,
      forced: forced !== null,
      epoch,
      retry_in_ms: restMs,
    }));
  }

  private async limitViews(actor: Actor): Promise<LimitView[]> {
    const verdict = await this.limiter.peek(this.policiesOf(actor));
    return verdict.states.map(({ policy, remaining, resetS }) => ({
      policy: policy.name,
      kind: policy.kind,
      limit: policy.limit,
      window_s: policy.windowS,
      remaining,
      reset_s: resetS,
    }));
  }

  /** All limits that the actor can run into, each once. */
  private policiesOf(actor: Actor): LimitPolicy[] {
    const limits = this.settings.current().rate_limits;
    const held = new Set(this.permissions.held(actor.role));
    const policies = this.catalogue
      .all()
      .filter((entry) => held.has(entry.name))
      .flatMap((entry) => actionPolicies(actor.userId, entry, limits, entry.cost ? 0 : undefined));
    return [...new Map(policies.map((policy) => [policy.key.join(':'), policy])).values()];
  }
}
