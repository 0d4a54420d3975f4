import { Injectable } from '@nestjs/common';
import { StepRunner } from '../../media/flow/step-runner';

/** What went wrong last in this worker. */
@Injectable()
export class WorkerTroubles {
  private latest: { at: string; message: string } | null = null;

  constructor(steps: StepRunner) {
    steps.onFailure((stepId, code) => this.note(`Step ${stepId} failed: ${code}`));
  }

  /** Null if nothing has. */
  get last(): { at: string; message: string } | null {
    return this.latest;
  }

  note(message: string): void {
    this.latest = { at: new Date().toISOString(), message };
  }
}
