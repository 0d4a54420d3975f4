import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import CircuitBreaker from 'opossum';
import { AppError } from '../../platform/errors/app-error';
import type { Dependency } from '../catalogue/action.decorator';
import { ExecutionTiming } from '../executions/timing';

/** Calls of one dependency that a process has under way at most. */
const CAPACITY = 100;

type Work = () => Promise<unknown>;

/**
 * Time limit and bulkhead per dependency, in this process, by opossum. Its own state machine is switched
 * off: copied between processes it restores wrongly and lets every process probe (docs/decisions), so the
 * state is in the circuit store.
 */
@Injectable()
export class Bulkheads implements OnApplicationShutdown {
  private readonly breakers = new Map<Dependency, CircuitBreaker<[Work], unknown>>();

  constructor(@Inject(ExecutionTiming) private readonly timing: ExecutionTiming) {}

  /** Not earlier: requests are served until the server has stopped, and after this nothing is let through. */
  onApplicationShutdown(): void {
    for (const breaker of this.breakers.values()) breaker.shutdown();
  }

  /**
   * Runs `work` within the limits of all of the dependencies.
   *
   * @throws AppError TIMEOUT (the work goes on), SERVICE_UNAVAILABLE if too much is under way already
   */
  async run<T>(dependencies: readonly Dependency[], work: () => Promise<T>): Promise<T> {
    const guarded = dependencies.reduceRight<Work>(
      (inner, dependency) => () => this.breaker(dependency).fire(inner),
      work,
    );
    try {
      return (await guarded()) as T;
    } catch (error) {
      throw translated(error);
    }
  }

  private make(dependency: Dependency): CircuitBreaker<[Work], unknown> {
    return new CircuitBreaker((work: Work) => work(), {
      name: dependency,
      timeout: this.timing.callTimeoutMs,
      capacity: CAPACITY,
      // A rate above 100 % does not exist, so opossum itself never opens.
      errorThresholdPercentage: 100,
      volumeThreshold: Number.MAX_SAFE_INTEGER,
    });
  }

  private breaker(dependency: Dependency): CircuitBreaker<[Work], unknown> {
    const breaker = this.breakers.get(dependency) ?? this.make(dependency);
    this.breakers.set(dependency, breaker);
    return breaker;
  }
}

function translated(error: unknown): unknown {
  const { code } = error as { code?: unknown };
  if (error instanceof AppError) return error;
  if (code === 'ETIMEDOUT' && CircuitBreaker.isOurError(error as Error))
    return new AppError('TIMEOUT', undefined, { cause: error });
  if (code === 'ESEMLOCKED')
    return new AppError('SERVICE_UNAVAILABLE', 'Too much is under way at the moment.', {
      retryAfterS: 1,
      cause: error,
    });
  return error;
}
