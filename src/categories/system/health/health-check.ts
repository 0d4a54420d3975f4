import { Inject, Injectable, Logger } from '@nestjs/common';
import { type Check, failing, type Finding, type HealthStatus } from './check';
import { FlowChecks } from './flow-checks';
import { ServerChecks } from './server-checks';
import { reasonOf } from '../../../platform/errors/unavailable';

/** Longer than this means that it does not work, in milliseconds, where a check does not say otherwise. */
const DEADLINE_MS = 2_000;
const WORST_FIRST: readonly HealthStatus[] = ['failing', 'warning', 'ok'];

/** What a check found, and how long it took. */
export interface CheckedFinding extends Finding {
  readonly name: string;
  readonly latency_ms: number;
}

/** The health of the whole system. */
export interface Health {
  /** The worst of all. */
  readonly status: HealthStatus;
  readonly checks: CheckedFinding[];
}

/** Looks at everything at once; what cannot be looked at, or not in time, is failing. */
@Injectable()
export class HealthCheck {
  private readonly log = new Logger(HealthCheck.name);

  constructor(
    @Inject(ServerChecks) private readonly servers: ServerChecks,
    @Inject(FlowChecks) private readonly flow: FlowChecks,
  ) {}

  async run(): Promise<Health> {
    const all = [...this.servers.checks, ...this.flow.checks];
    const checks = await Promise.all(all.map((check) => this.look(check)));
    return { status: worst(checks), checks };
  }

  private async look(check: Check): Promise<CheckedFinding> {
    const startedAt = performance.now();
    const finding = await Promise.race([this.attempt(check), deadline(check)]);
    const latency_ms = Math.round((performance.now() - startedAt) * 10) / 10;
    return { name: check.name, latency_ms, ...finding };
  }

  private async attempt(check: Check): Promise<Finding> {
    try {
      return await check.run();
    } catch (error) {
      // The reason may name hosts and paths, so it goes to the log only.
      this.log.warn(`Check ${check.name}: ${reasonOf(error)}`);
      return failing('It could not be checked.', check.adviceOnFailure);
    }
  }
}

/** The worst status among findings. */
export function worst(findings: readonly Pick<Finding, 'status'>[]): HealthStatus {
  return WORST_FIRST.find((status) => findings.some((finding) => finding.status === status)) ?? 'ok';
}

function deadline(check: Check): Promise<Finding> {
  const { deadlineMs = DEADLINE_MS, adviceOnFailure } = check;
  return new Promise((resolve) => {
    setTimeout(
      () => resolve(failing(`It did not answer within ${deadlineMs / 1000} s.`, adviceOnFailure)),
      deadlineMs,
    ).unref();
  });
}
