import { Inject, Injectable, Logger } from '@nestjs/common';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { resultOf } from '../breaker/call-result';
import type { CallResult } from '../breaker/circuit';
import { circuitRules } from '../breaker/circuit-rules';
import { Circuits, type Permit } from '../breaker/circuits';
import { type Dependency } from '../catalogue/action.decorator';
import { Catalogue } from '../catalogue/catalogue';

/** One run of an operation, as the circuits of its action count it: once, by what it came to. */
export class CountedRun {
  private counted = false;
  private readonly timer?: NodeJS.Timeout;

  /** @param quietMs a probe of which nothing is heard for so long leaves the trying to the next call */
  constructor(
    private readonly circuits: Circuits,
    private readonly permits: readonly Permit[],
    quietMs: number,
  ) {
    if (this.isProbe) this.timer = setTimeout(() => this.saysNothing(), quietMs).unref();
  }

  /** Something of its work is done. Of a probe that is enough: nobody shall be held back until all of it is. */
  progressed(): void {
    if (this.isProbe) this.count(() => 'good');
  }

  /** All of its work is done. */
  succeeded(): void {
    this.count(() => 'good');
  }

  /** It failed, which counts if a dependency was away, and not if it was the caller's fault or ours. */
  failed(thrown: unknown): void {
    this.count((dependency) => resultOf(thrown, dependency));
  }

  /** It was stopped, given back or taken over: that tells nothing of what it depends on. */
  saysNothing(): void {
    this.count(() => 'none');
  }

  private get isProbe(): boolean {
    return this.permits.some(({ shared, own }) => shared?.probe || own?.probe);
  }

  private count(resultFor: (dependency: Dependency) => CallResult): void {
    clearTimeout(this.timer);
    if (this.counted) return;
    this.counted = true;
    // However long it took: operations may, and none of them is a slow call.
    this.circuits.report(this.permits, 0, resultFor);
  }
}

/** Asks the circuits before an operation is run, and tells them what that came to. */
@Injectable()
export class OperationCircuits {
  private readonly log = new Logger(OperationCircuits.name);

  constructor(
    @Inject(Circuits) private readonly circuits: Circuits,
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** @returns undefined while what the action depends on is to be left alone: the run has to wait */
  async enter(action: string): Promise<CountedRun | undefined> {
    const dependencies = this.catalogue.find(action)?.dependsOn ?? [];
    const admission = await this.circuits.admit(dependencies);
    if ('refusedBy' in admission) {
      this.log.debug(`${action} waits for ${admission.refusedBy}`);
      return undefined;
    }
    const rules = dependencies.map((one) => circuitRules(this.settings.current().circuit_breaker, one));
    // Well before the others take it for lost.
    const quietMs = Math.min(...rules.map(({ probe_ms }) => probe_ms)) / 2;
    return new CountedRun(this.circuits, admission.permits, quietMs);
  }
}
