import argon2 from '@node-rs/argon2';
import type { SecurityEvents } from '../../pipeline/audit/security-events';
import { AppError } from '../../platform/errors/app-error';
import type { MessageBus } from '../../platform/messages/message-bus';
import type { Db } from '../../platform/postgres/db';
import { hashPassword, NO_PASSWORD } from '../../platform/security/passwords';
import { Settings } from '../../platform/settings/settings';
import type { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { AccessTokens } from './access-tokens';
import { AuthService } from './auth.service';
import type { Attempt, Lockout } from './lockout';
import type { RefreshTokens } from './refresh-tokens';
import type { SessionTruth } from './session-truth';

const verify = jest.spyOn(argon2, 'verify');

const PASSWORD = 'correct horse battery staple';
const CLIENT = { ip: '203.0.113.9', userAgent: null, traceId: 't1' };

describe('signing in', () => {
  let steps: string[];
  let locked: boolean;
  let service: AuthService;

  beforeAll(async () => {
    const password_hash = await hashPassword(PASSWORD);
    const users = new Map([
      [
        'there@example.test',
        { id: 'u1', email: 'there@example.test', role: 'user', password_hash, enabled: true },
      ],
      [
        'out@example.test',
        { id: 'u2', email: 'out@example.test', role: 'user', password_hash, enabled: false },
      ],
      [
        'bare@example.test',
        { id: 'u3', email: 'bare@example.test', role: 'user', password_hash: NO_PASSWORD, enabled: true },
      ],
    ]);
    const step = <T>(name: string, answer: T): Promise<T> => {
      steps.push(name);
      return Promise.resolve(answer);
    };
    const lockout: Partial<Lockout> = {
      begin: () => {
        steps.push('begin');
        const attempt: Attempt = { id: 'a', keys: ['', '', '', ''], delayMs: 0 };
        return locked
          ? Promise.reject(new AppError('ACCOUNT_LOCKED', undefined, { retryAfterS: 7 }))
          : Promise.resolve(attempt);
      },
      failed: () => step('failed', false),
      succeeded: () => step('succeeded', undefined),
    };
    service = new AuthService(
      {
        query: (_sql: string, [email]: string[]) => step('find', [users.get(email ?? '')].filter(Boolean)),
      } as unknown as Db,
      {} as MessageBus,
      { current: () => new Settings() } as RuntimeSettings,
      { issue: () => step('issue', 'token') } as unknown as AccessTokens,
      { open: () => step('open', { sessionId: 's', refreshToken: 'r' }) } as unknown as RefreshTokens,
      {} as SessionTruth,
      lockout as Lockout,
      {} as SecurityEvents,
    );
  });
  beforeEach(() => {
    [steps, locked] = [[], false];
    verify.mockClear();
  });

  /** What a caller could tell attempts apart by: the answer, and the work that it took. */
  async function attempt(email: string, password: string) {
    const error = await service.login(email, password, CLIENT).then(
      () => undefined,
      (thrown: AppError) => thrown,
    );
    const { code, status, message, retryAfterS } = error ?? {};
    // The costs stand in front of the salt: "$argon2id$v=19$m=19456,t=2,p=1$...".
    const work = verify.mock.calls.map(([hash]) => String(hash).split('$').slice(1, 4).join(' '));
    return { code, status, message, retryAfterS, work, steps };
  }

  it.each([
    ['an account that does not exist', 'nobody@example.test', 'wrong'],
    ['the password of somebody else at an account that does not exist', 'nobody@example.test', PASSWORD],
    ['a disabled account', 'out@example.test', 'wrong'],
    ['the right password of a disabled account', 'out@example.test', PASSWORD],
    ['an account without a password', 'bare@example.test', 'wrong'],
    ['what is compared where there is no password', 'bare@example.test', 'there is no such account'],
    ['no password at an account that has none', 'bare@example.test', ''],
  ])(
    'with %s is answered as with a wrong password, and takes the same work',
    async (_what, email, password) => {
      const wrong = await attempt('there@example.test', 'wrong');
      expect(wrong).toMatchObject({
        code: 'INVALID_CREDENTIALS',
        status: 401,
        work: ['argon2id v=19 m=19456,t=2,p=1'],
        steps: ['begin', 'find', 'failed'],
      });
      steps = [];
      verify.mockClear();
      expect(await attempt(email, password)).toEqual(wrong);
    },
  );

  it('while locked out tells nothing of the account, and looks at no password', async () => {
    locked = true;
    const there = await attempt('there@example.test', PASSWORD);
    expect(there).toMatchObject({ code: 'ACCOUNT_LOCKED', status: 429, work: [], steps: ['begin'] });
    for (const email of ['nobody@example.test', 'out@example.test']) {
      steps = [];
      expect(await attempt(email, PASSWORD)).toEqual(there);
    }
  });

  it('with the right password looks at it once, too', async () => {
    expect(await attempt('there@example.test', PASSWORD)).toMatchObject({
      code: undefined,
      work: ['argon2id v=19 m=19456,t=2,p=1'],
    });
    expect(steps).toEqual(['begin', 'find', 'open', 'succeeded', 'issue']);
  });
});

describe('a session that ends', () => {
  /** What is done, in order, to end it in this process and in all others. */
  async function stepsOf(work: (service: AuthService) => Promise<unknown>): Promise<string[]> {
    const steps: string[] = [];
    const step = (text: string) => Promise.resolve(void steps.push(text));
    const service = new AuthService(
      {} as Db,
      {
        publish: (kind: string, payload: object) => step(`${kind} ${JSON.stringify(payload)}`),
      } as unknown as MessageBus,
      {} as RuntimeSettings,
      {} as AccessTokens,
      {
        revoke: (id: string, reason: string) => step(`revoke ${id}: ${reason}`),
        rotate: () => Promise.resolve({ kind: 'reused', sessionId: 's', userId: 'u' }),
      } as unknown as RefreshTokens,
      { forget: (id: string) => void steps.push(`forget ${id}`) } as unknown as SessionTruth,
      {} as Lockout,
      { record: ({ kind }: { kind: string }) => step(kind) } as unknown as SecurityEvents,
    );
    await work(service);
    return steps;
  }
  const told = 'session.revoked {"session_id":"s"}';

  it('by signing out is told of, and has ended everywhere when that is answered', async () => {
    const actor = { userId: 'u', email: 'u@example.test', role: 'user', sessionId: 's' } as const;
    expect(await stepsOf((service) => service.logout(actor))).toEqual(['revoke s: logout', 'forget s', told]);
  });

  it('by a spent refresh token is told of as well, and is an alarm', async () => {
    const refresh = (service: AuthService) =>
      service.refresh('spent', CLIENT).catch((error: AppError) => expect(error.code).toBe('UNAUTHORIZED'));
    expect(await stepsOf(refresh)).toEqual(['forget s', told, 'refresh_token_reused']);
  });
});
