import { Inject, Injectable } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { SecurityEvents } from '../../pipeline/audit/security-events';
import { addressGroup } from '../../pipeline/limits/address-group';
import { AppError } from '../../platform/errors/app-error';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db } from '../../platform/postgres/db';
import { accountName } from '../../platform/security/account-name';
import { hashPassword, NO_PASSWORD, verifyPassword } from '../../platform/security/passwords';
import type { Actor, Role } from '../../platform/security/roles';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { type AccessClaims, AccessTokens, KnownUserRefused } from './access-tokens';
import type { TokenAnswer } from './auth.dto';
import { type Attempt, Lockout } from './lockout';
import { RefreshTokens, type SessionGrant } from './refresh-tokens';
import { type LiveSession, SessionTruth } from './session-truth';

/** Where a sign-in comes from. */
export interface Client {
  ip: string;
  userAgent: string | null;
  traceId: string;
}

interface UserRow {
  id: string;
  email: string;
  role: Role;
  password_hash: string;
  enabled: boolean;
}

/** Sign-in, sessions, and who a token belongs to. */
@Injectable()
export class AuthService {
  /** Verified where there is no account or no password, so that all cases take the same time. */
  private readonly decoy = hashPassword('there is no such account');

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(MessageBus) private readonly bus: MessageBus,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(AccessTokens) private readonly accessTokens: AccessTokens,
    @Inject(RefreshTokens) private readonly refreshTokens: RefreshTokens,
    @Inject(SessionTruth) private readonly sessions: SessionTruth,
    @Inject(Lockout) private readonly lockout: Lockout,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
  ) {}

  /**
   * Who sends this access token, with the role and state that Postgres says, at most a second old.
   *
   * @throws AppError UNAUTHORIZED if the token is not good, its session ended or its account is disabled
   */
  async authenticate(accessToken: string): Promise<Actor> {
    const claims = await this.accessTokens.verify(accessToken);
    return actorOfFound(await this.sessions.find(claims.sessionId, claims.userId), claims);
  }

  /**
   * Who a session belongs to, as authenticate() says it; for what stands for the session in another way than a token.
   *
   * @throws AppError UNAUTHORIZED if it ended or its account is disabled
   */
  async ofSession(sessionId: string, userId: string): Promise<Actor> {
    return actorOfFound(await this.sessions.find(sessionId, userId), { sessionId, userId });
  }

  /**
   * As authenticate(); while Postgres is away, who it was when that last said so, at most `maxAgeMs` ago. For what may
   * be shown in such a time, and for nothing that changes anything.
   *
   * @throws AppError as authenticate()
   */
  async authenticateOrLast(accessToken: string, maxAgeMs: number): Promise<Actor> {
    const claims = await this.accessTokens.verify(accessToken);
    return actorOfFound(await this.sessions.findOrLast(claims.sessionId, claims.userId, maxAgeMs), claims);
  }

  /** As authenticate(), of a token that was good within the last second: without a question, and so at once. */
  known(accessToken: string): Actor | undefined {
    const claims = this.accessTokens.known(accessToken);
    const session = claims && this.sessions.known(claims.sessionId, claims.userId);
    return session && actorOf(session, claims);
  }

  /**
   * Signs in with a password and begins a session.
   *
   * @throws AppError INVALID_CREDENTIALS, the same for a wrong password, an unknown and a disabled account, and for a
   *   password that was changed while it was being verified
   * @throws AppError ACCOUNT_LOCKED after too many wrong passwords from this address
   */
  async login(email: string, password: string, client: Client): Promise<TokenAnswer> {
    const account = accountName(email);
    const attempt = await this.beginAttempt(account, client);
    const user = await this.findUser(account);
    const matches = await this.matches(user, password);
    if (!user?.enabled || !matches) return this.refuse(attempt, user, client);
    const grant = await this.refreshTokens.open(user, client);
    if (!grant) return this.refuse(attempt, user, client);
    await this.lockout.succeeded(attempt);
    return this.answer(grant, user);
  }

  /**
   * Spends a refresh token for new tokens.
   *
   * @throws AppError UNAUTHORIZED if it is unknown, expired or spent; a spent one ends the session
   */
  async refresh(refreshToken: string, client: Client): Promise<TokenAnswer> {
    const rotation = await this.refreshTokens.rotate(refreshToken);
    if (rotation.kind === 'granted') {
      const user = await this.sessions.find(rotation.grant.sessionId, rotation.grant.userId);
      if (user) return this.answer(rotation.grant, { id: user.userId, email: user.email, role: user.role });
    }
    if (rotation.kind === 'reused') {
      this.sessions.forget(rotation.sessionId);
      await this.bus.publish('session.revoked', { session_id: rotation.sessionId });
      await this.security.record({
        kind: 'refresh_token_reused',
        message: 'A spent refresh token was used again; its session has been ended.',
        userId: rotation.userId,
        origin: client,
      });
    }
    throw new AppError('UNAUTHORIZED', 'The refresh token is not good any more. Sign in again.');
  }

  /** Ends the session in every process, within a second. */
  async logout(actor: Actor): Promise<void> {
    await this.refreshTokens.revoke(actor.sessionId, 'logout');
    this.sessions.forget(actor.sessionId);
    await this.bus.publish('session.revoked', { session_id: actor.sessionId });
  }

  private async beginAttempt(account: string, client: Client): Promise<Attempt> {
    const attempt = await this.lockout.begin(account, addressGroup(client.ip));
    if (attempt.delayMs > 0) await delay(attempt.delayMs);
    return attempt;
  }

  /** Also where there is nothing to compare with a password is hashed. */
  private async matches(user: UserRow | undefined, password: string): Promise<boolean> {
    const hash = user?.password_hash ?? NO_PASSWORD;
    const same = await verifyPassword(hash === NO_PASSWORD ? await this.decoy : hash, password);
    return same && hash !== NO_PASSWORD;
  }

  private async refuse(attempt: Attempt, user: UserRow | undefined, client: Client): Promise<never> {
    if (await this.lockout.failed(attempt)) {
      await this.security.record({
        kind: 'account_locked',
        message: 'An account was locked for an address after too many wrong passwords.',
        userId: user?.id ?? null,
        origin: client,
      });
    }
    throw new AppError('INVALID_CREDENTIALS');
  }

  private async findUser(account: string): Promise<UserRow | undefined> {
    const [user] = await this.db.query<UserRow>(
      'SELECT id, email, role, password_hash, enabled FROM users WHERE lower(email) = $1',
      [account],
    );
    return user;
  }

  private async answer(
    grant: SessionGrant,
    user: Pick<UserRow, 'id' | 'email' | 'role'>,
  ): Promise<TokenAnswer> {
    const { access_token_s } = this.settings.current().auth;
    return {
      access_token: await this.accessTokens.issue(user.id, grant.sessionId, access_token_s),
      refresh_token: grant.refreshToken,
      token_type: 'Bearer',
      expires_in: access_token_s,
      user: { id: user.id, email: user.email, role: user.role },
    };
  }
}

/** What stands for a session: a token, or something else that has no key. */
type Claimed = Pick<AccessClaims, 'userId' | 'sessionId'> & Partial<Pick<AccessClaims, 'kid'>>;

function actorOfFound(session: LiveSession | undefined, claimed: Claimed): Actor {
  if (!session) throw new KnownUserRefused(claimed.userId, 'The session has ended. Sign in again.');
  return actorOf(session, claimed);
}

function actorOf({ userId, email, role }: LiveSession, { sessionId, kid }: Claimed): Actor {
  return { userId, email, role, sessionId, kid };
}
