import { Inject, Injectable } from '@nestjs/common';
import { ExecutionWaiter } from '../operations/execution-waiter';
import type { ActionAnswer, Run, Stage } from '../run';

/** Waits for an operation's end as long as the caller wants to. */
@Injectable()
export class WaitStage implements Stage {
  readonly name = 'wait';

  constructor(@Inject(ExecutionWaiter) private readonly waiter: ExecutionWaiter) {}

  handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    return run.isOperation && run.options.wait_ms > 0 ? this.waitFor(run, next) : next();
  }

  private async waitFor(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    const answer = await next();
    run.settled = await this.waiter.wait(run, answer);
    return run.settled;
  }
}
