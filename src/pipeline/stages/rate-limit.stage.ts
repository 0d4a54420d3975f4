import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { actionPolicies } from '../limits/action-limits';
import { limitHeaders, type LimitPolicy, type LimitVerdict, RateLimiter } from '../limits/rate-limiter';
import type { ActionAnswer, Run, Stage } from '../run';

/** Counts the request against the user's limits. Without Redis nobody is let through: a limit must hold. */
@Injectable()
export class RateLimitStage implements Stage {
  readonly name = 'rate_limit';

  constructor(
    @Inject(RateLimiter) private readonly limiter: RateLimiter,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  async handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    const policies = this.policiesOf(run);
    const verdict = await this.limiter.consume(policies).catch((cause: unknown) => {
      throw new AppError(
        'SERVICE_UNAVAILABLE',
        'Limits cannot be checked at the moment, so nothing was done.',
        {
          cause,
          retryAfterS: 2,
        },
      );
    });
    Object.assign(run.headers, limitHeaders(verdict));
    run.note(verdict.violated ? 'limited' : 'admitted', run.options.explain ? left(verdict) : undefined);
    if (verdict.violated) {
      const { name, limit, windowS } = verdict.violated;
      throw new AppError(
        'RATE_LIMITED',
        `Too many requests: the limit "${name}" (${limit} in ${windowS} s) is used up.`,
        {
          retryAfterS: verdict.retryAfterS,
          violatedPolicies: [name],
        },
      );
    }
    return next();
  }

  /** @throws AppError VALIDATION_ERROR for more than is ever let through: waiting would not help */
  private policiesOf({ actor, entry, command }: Run): LimitPolicy[] {
    const items = entry.cost?.(command as unknown as Record<string, unknown>);
    const policies = actionPolicies(actor.userId, entry, this.settings.current().rate_limits, items);
    for (const { cost = 1, limit, windowS } of policies)
      if (cost > limit) throw tooMany(cost, limit, windowS);
    return policies;
  }
}

function left({ states }: LimitVerdict): string {
  return states.map(({ policy, remaining }) => `${policy.name}: ${remaining} left`).join(', ');
}

function tooMany(items: number, limit: number, windowS: number): AppError {
  const message = `is for ${items} items, and never are more than ${limit} in ${windowS} s let through: send fewer at a time`;
  return new AppError('VALIDATION_ERROR', undefined, { details: [{ path: 'payload', message }] });
}
