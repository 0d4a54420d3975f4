import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ExecutionTiming } from '../executions/timing';
import { Bulkheads } from './bulkheads';

/** Work that comes while the process stops, as the last requests do. */
@Injectable()
class LastRequest implements BeforeApplicationShutdown {
  answer?: string;

  constructor(@Inject(Bulkheads) private readonly bulkheads: Bulkheads) {}

  async beforeApplicationShutdown(): Promise<void> {
    this.answer = await this.bulkheads.run(['postgres'], () => Promise.resolve('done'));
  }
}

describe('bulkheads', () => {
  it('let work through until the server has stopped', async () => {
    const timing = { provide: ExecutionTiming, useValue: { callTimeoutMs: 1_000 } };
    const module = await Test.createTestingModule({ providers: [Bulkheads, timing, LastRequest] }).compile();
    // The dependency is known already when the process begins to stop.
    await module.get(Bulkheads).run(['postgres'], () => Promise.resolve());
    await module.close();
    expect(module.get(LastRequest).answer).toBe('done');
  });
});
