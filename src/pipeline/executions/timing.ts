import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { Settings } from '../../platform/settings/settings';

/** How long things may take: leases as the settings say, at any time; the rest is fixed. */
@Injectable()
export class ExecutionTiming implements OnModuleInit {
  /** How long whoever runs an execution may be silent before it counts as dead, in seconds. */
  leaseS = 30;
  /** How long an operation's runner may be silent, in seconds. */
  operationLeaseS = 10;

  /** Longest time that a sync action may take, in milliseconds. */
  readonly callTimeoutMs: number = 15_000;

  constructor(@Inject(RuntimeSettings) private readonly settings: RuntimeSettings) {}

  /** Follows the settings from now on; claims that are held keep the lease that they were made with. */
  onModuleInit(): void {
    this.follow(this.settings.current());
    this.settings.onChange((settings) => this.follow(settings));
  }

  /** How often a claim is renewed, in milliseconds: three times per lease. */
  renewEveryMs(leaseS: number): number {
    return (leaseS * 1000) / 3;
  }

  private follow({ executions }: Settings): void {
    this.leaseS = executions.lease_s;
    this.operationLeaseS = executions.operation_lease_s;
  }
}
