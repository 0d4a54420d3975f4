import { Injectable } from '@nestjs/common';

/** How long things may take. A provider, so that a test need not wait. */
@Injectable()
export class ExecutionTiming {
  /** How long whoever runs an execution may be silent before it counts as dead, in seconds. */
  readonly leaseS: number = 30;
  /** How long an operation's runner may be silent, in seconds. */
  readonly operationLeaseS: number = 10;

  /** Longest time that a sync action may take, in milliseconds. */
  readonly callTimeoutMs: number = 15_000;

  /** How often a claim is renewed, in milliseconds: three times per lease. */
  renewEveryMs(leaseS: number): number {
    return (leaseS * 1000) / 3;
  }
}
