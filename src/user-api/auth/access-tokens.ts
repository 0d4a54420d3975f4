import { Inject, Injectable } from '@nestjs/common';
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { AppError } from '../../platform/errors/app-error';
import { SigningKeys } from '../../platform/security/signing-keys';
import { MAX_ACCESS_TOKEN_S } from '../../platform/settings/settings';
import { LruMap } from '../../platform/caching/lru-map';
import { isWellFormed } from './token-form';

const ISSUER = 'agentos';
const AUDIENCE = 'agentos-api';
/** The header `typ` of an access token (RFC 9068), so that no other token can be used as one. */
const TYPE = 'at+jwt';
/** Ours have some 400 characters. */
const MAX_LENGTH = 2_048;
const CACHED_TOKENS = 10_000;
const CACHED_FORGERIES = 1_000;
const KID = /^[\w-]{16}$/;

/** What an access token says. Role and account state are not in it: Postgres has them. */
export interface AccessClaims {
  userId: string;
  sessionId: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** The key that it was signed with. */
  kid: string;
}

/** A refusal of somebody who is known: the token is ours, but not good any more. */
export class KnownUserRefused extends AppError {
  constructor(
    readonly userId: string,
    message: string,
  ) {
    super('UNAUTHORIZED', message);
  }
}

/** Makes and verifies access tokens: JWTs signed with Ed25519. */
@Injectable()
export class AccessTokens {
  /** Verified ones, since a signature check costs a hundred times a look-up. */
  private readonly verified = new LruMap<string, AccessClaims>(CACHED_TOKENS);
  /** Whose signature is none of the key that they name, and never will be: each request is looked at more than once. */
  private readonly forged = new LruMap<string, true>(CACHED_FORGERIES);

  constructor(@Inject(SigningKeys) private readonly keys: SigningKeys) {}

  /** A token for a session, good for `lifetimeS` seconds. */
  issue(userId: string, sessionId: string, lifetimeS: number): Promise<string> {
    const { kid, privateKey } = this.keys.signing();
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setJti(uuidv7())
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeS)
      .sign(privateKey);
  }

  /** What a token says that was verified before and is still good, at the cost of a look-up; undefined for any other. */
  known(token: string): AccessClaims | undefined {
    const claims = this.verified.get(token);
    return claims && this.keys.find(claims.kid) && claims.expiresAt > Date.now() ? claims : undefined;
  }

  /** @throws AppError UNAUTHORIZED for a token that is malformed, forged, expired or meant for something else */
  async verify(token: string): Promise<AccessClaims> {
    const known = this.verified.get(token);
    // A key that was taken away takes its tokens with it, those which have been seen before as well.
    const claims = known && this.keys.find(known.kid) ? known : await this.check(token);
    if (claims.expiresAt <= Date.now()) throw expired(claims.userId);
    return claims;
  }

  /** What a token says that is ours, be it expired. */
  private async check(token: string): Promise<AccessClaims> {
    if (token.length > MAX_LENGTH || this.forged.get(token) || !isWellFormed(token)) throw refused();
    try {
      const claims = claimsOf(await this.payloadOf(token), decodeProtectedHeader(token).kid);
      this.verified.set(token, claims);
      return claims;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) this.forged.set(token, true);
      throw error instanceof AppError ? error : refused(error);
    }
  }

  private async payloadOf(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.publicKey(kid), {
        algorithms: ['EdDSA'],
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: TYPE,
        requiredClaims: ['sub', 'sid', 'iat', 'exp'],
      });
      return payload;
    } catch (error) {
      // The signature is checked before the times are, so the claims can be believed.
      if (error instanceof errors.JWTExpired) return error.payload;
      throw error;
    }
  }

  private async publicKey(kid: unknown) {
    // Something else than a kid of ours is not worth a look at the files.
    const key = typeof kid === 'string' && KID.test(kid) ? await this.keys.lookUp(kid) : undefined;
    if (!key) throw refused();
    return key.publicKey;
  }
}

function claimsOf({ sub, sid, iat = 0, exp = 0 }: JWTPayload, kid: string | undefined): AccessClaims {
  if (typeof sub !== 'string' || typeof sid !== 'string' || !kid) throw refused();
  // None is issued for longer, so one that says so is none of ours, whoever signed it.
  if (exp - iat > MAX_ACCESS_TOKEN_S) throw refused();
  return { userId: sub, sessionId: sid, expiresAt: exp * 1000, kid };
}

function refused(cause?: unknown): AppError {
  return new AppError('UNAUTHORIZED', 'A valid access token is needed.', { cause });
}

function expired(userId: string): AppError {
  return new KnownUserRefused(userId, 'The access token has expired. Refresh it.');
}
