import type { ExecutionContext } from '@nestjs/common';
import type { LimitPolicy, LimitVerdict, RateLimiter } from '../../../pipeline/limits/rate-limiter';
import type { AppError } from '../../../platform/errors/app-error';
import type { RuntimeSettings } from '../../../platform/settings/runtime-settings';
import { Settings } from '../../../platform/settings/settings';
import { RequestLimitGuard } from './request-limit.guard';

const settings = new Settings();
const { public_per_minute, user_per_minute, admin_read_per_minute } = settings.rate_limits;

describe('the limit of a request', () => {
  let asked: LimitPolicy[];
  let verdict: (policy: LimitPolicy) => Promise<Pick<LimitVerdict, 'states' | 'violated' | 'retryAfterS'>>;
  let guard: RequestLimitGuard;

  const admitted = (policy: LimitPolicy) =>
    Promise.resolve({ states: [{ policy, remaining: 1, resetS: 2 }], retryAfterS: 0 });
  const refused = (policy: LimitPolicy) =>
    Promise.resolve({ states: [{ policy, remaining: 0, resetS: 2 }], violated: policy, retryAfterS: 7 });

  beforeEach(() => {
    [asked, verdict] = [[], admitted];
    const consume = ([policy]: LimitPolicy[]) => {
      if (!policy) throw new Error('no policy');
      asked.push(policy);
      return verdict(policy);
    };
    guard = new RequestLimitGuard(
      { consume } as unknown as RateLimiter,
      { current: () => settings } as unknown as RuntimeSettings,
    );
  });

  /** A request of a user, or of a stranger; its headers, or what it was refused with. */
  async function ask(url: string, userId?: string, clientIp = '192.0.2.1') {
    const headers: Record<string, string> = {};
    const request = { routeOptions: { url }, clientIp, actor: userId && { userId } };
    const reply = { headers: (values: object) => Object.assign(headers, values) };
    const context = {
      getType: () => 'http',
      switchToHttp: () => ({ getRequest: () => request, getResponse: () => reply }),
    } as unknown as ExecutionContext;
    const error = await guard.canActivate(context).then(
      () => undefined,
      (thrown: AppError) => thrown,
    );
    return { headers, refused: error && [error.code, error.violatedPolicies, error.retryAfterS] };
  }

  it.each<[string, string | undefined, string[], number]>([
    ['/api/auth/login', undefined, ['public', '192.0.2.1'], public_per_minute],
    ['/', undefined, ['public', '192.0.2.1'], public_per_minute],
    ['/api/downloads/:token', undefined, ['downloads', '192.0.2.1'], 10 * user_per_minute],
    ['/api/downloads/:token/:name', undefined, ['downloads', '192.0.2.1'], 10 * user_per_minute],
    ['/api/auth/logout', 'u', ['user', 'u'], user_per_minute],
    ['/api/jobs/:job_id', 'u', ['user', 'u'], user_per_minute],
    ['/api/upload/chunk', 'u', ['chunks', 'u'], 10 * user_per_minute],
    ['/api/admin/action/status', 'u', ['admin-read', 'u'], admin_read_per_minute],
  ])('of %s for %s is counted as %j, at most %i in a minute', async (url, userId, key, limit) => {
    const answer = await ask(url, userId);
    expect(asked).toMatchObject([{ name: key[0], key, limit, windowS: 60 }]);
    expect(answer.refused).toBeUndefined();
    expect(answer.headers).toMatchObject({ RateLimit: `"${key[0]}";r=1;t=2` });
    verdict = refused;
    const next = await ask(url, userId);
    expect(next.refused).toEqual(['RATE_LIMITED', [key[0]], 7]);
    expect(next.headers).toMatchObject({ RateLimit: `"${key[0]}";r=0;t=2`, 'Retry-After': '7' });
  });

  it('of actions is the matter of the pipeline', async () => {
    await ask('/api/admin/action', 'u');
    expect(asked).toEqual([]);
  });

  it('is counted here while Redis is away, for each as there', async () => {
    verdict = () => Promise.reject(new Error('away'));
    for (let n = 0; n < public_per_minute; n++) expect((await ask('/')).refused).toBeUndefined();
    expect((await ask('/')).refused).toEqual(['RATE_LIMITED', ['public'], 60]);
    expect((await ask('/', undefined, '192.0.2.2')).refused).toBeUndefined();
    expect((await ask('/api/jobs/:job_id', 'u')).refused).toBeUndefined();
  });

  it('of probes does not ask Redis, and is generous', async () => {
    for (let n = 0; n < 600; n++) expect((await ask('/health')).refused).toBeUndefined();
    expect((await ask('/health/ready')).refused).toEqual(['RATE_LIMITED', ['probes'], 60]);
    expect(asked).toEqual([]);
  });
});
