import { Inject, Injectable } from '@nestjs/common';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { storableText } from '../../pipeline/audit/audit-entry';
import { Db, type Tx } from '../../platform/postgres/db';
import { SigningKeys } from '../../platform/security/signing-keys';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/** A session's user and its newest refresh token, in clear. */
export interface SessionGrant {
  sessionId: string;
  userId: string;
  refreshToken: string;
}

/** An account as it was when its password was verified. */
export interface VerifiedAccount {
  readonly id: string;
  readonly password_hash: string;
}

/** What came of a refresh token that was handed in. */
export type Rotation =
  | { kind: 'granted'; grant: SessionGrant }
  /** Unknown, expired, or of a session that has ended. */
  | { kind: 'refused' }
  /** Spent before: somebody else has a copy. The session is revoked. */
  | { kind: 'reused'; sessionId: string; userId: string };

interface TokenRow {
  id: string;
  session_id: string;
  user_id: string;
  used: boolean;
  in_grace: boolean;
  live: boolean;
}

/**
 * Sessions and their refresh tokens. Each token is good once and gives the next; handing in a spent one ends
 * the whole session. Only hashes are stored. A token's successor is derived from it by HMAC, so that a client
 * whose answer got lost, or which asks twice at once, is given the same successor rather than a second one.
 */
@Injectable()
export class RefreshTokens {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(SigningKeys) private readonly keys: SigningKeys,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /**
   * Begins a session; undefined if the account was disabled or given another password since it was read. Either ends
   * all sessions there are, so none may begin after it by what was true before. The lock makes the two take turns.
   */
  async open(
    { id: userId, password_hash }: VerifiedAccount,
    client: { ip: string; userAgent: string | null },
  ): Promise<SessionGrant | undefined> {
    const { session_max_s } = this.settings.current().auth;
    const sessionId = uuidv7();
    const refreshToken = randomBytes(32).toString('base64url');
    return this.db.transaction(async (tx) => {
      const unchanged = await tx.query(
        'SELECT FROM users WHERE id = $1 AND enabled AND password_hash = $2 FOR SHARE',
        [userId, password_hash],
      );
      if (unchanged.length === 0) return undefined;
      await tx.execute(
        `INSERT INTO sessions (id, user_id, expires_at, ip, user_agent)
         VALUES ($1, $2, now() + make_interval(secs => $3), $4, $5)`,
        [sessionId, userId, session_max_s, client.ip, storableText(client.userAgent)],
      );
      await this.insert(tx, sessionId, refreshToken, null);
      return { sessionId, userId, refreshToken };
    });
  }

  /** Spends a token for its successor. */
  rotate(token: string): Promise<Rotation> {
    return this.db.transaction(async (tx) => {
      const row = await this.lock(tx, token);
      if (!row?.live) return { kind: 'refused' };
      const grant = { sessionId: row.session_id, userId: row.user_id, refreshToken: this.successor(token) };
      if (!row.used) {
        await tx.execute('UPDATE refresh_tokens SET used_at = now() WHERE id = $1', [row.id]);
        await this.insert(tx, row.session_id, grant.refreshToken, row.id);
        return { kind: 'granted', grant };
      }
      if (row.in_grace && (await successorUnused(tx, row.id))) return { kind: 'granted', grant };
      await this.revokeIn(tx, row.session_id, 'refresh_token_reused');
      return { kind: 'reused', sessionId: row.session_id, userId: row.user_id };
    });
  }

  /** Ends a session. Ending it again changes nothing. */
  async revoke(sessionId: string, reason: string): Promise<void> {
    await this.revokeIn(this.db, sessionId, reason);
  }

  private async revokeIn(tx: Tx, sessionId: string, reason: string): Promise<void> {
    await tx.execute(
      'UPDATE sessions SET revoked_at = now(), revoked_reason = $2 WHERE id = $1 AND revoked_at IS NULL',
      [sessionId, reason],
    );
  }

  /** Reads a token and locks its session, so that two rotations of one family take turns. */
  private async lock(tx: Tx, token: string): Promise<TokenRow | undefined> {
    const [row] = await tx.query<TokenRow>(
      `SELECT t.id, t.session_id, s.user_id, t.used_at IS NOT NULL AS used,
              coalesce(t.used_at > now() - make_interval(secs => $2), false) AS in_grace,
              (t.expires_at > now() AND s.revoked_at IS NULL AND s.expires_at > now() AND u.enabled) AS live
         FROM refresh_tokens t
         JOIN sessions s ON s.id = t.session_id
         JOIN users u ON u.id = s.user_id
        WHERE t.token_hash = $1
          FOR UPDATE OF s`,
      [hash(token), this.settings.current().auth.refresh_grace_s],
    );
    if (!row) return undefined;
    // While waiting for the lock another rotation may have spent the token: look again.
    const [fresh] = await tx.query<{ used: boolean; in_grace: boolean }>(
      `SELECT used_at IS NOT NULL AS used,
              coalesce(used_at > now() - make_interval(secs => $2), false) AS in_grace
         FROM refresh_tokens WHERE id = $1`,
      [row.id, this.settings.current().auth.refresh_grace_s],
    );
    return { ...row, ...fresh };
  }

  private async insert(tx: Tx, sessionId: string, token: string, parentId: string | null): Promise<void> {
    await tx.execute(
      `INSERT INTO refresh_tokens (id, session_id, token_hash, parent_id, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
      [uuidv7(), sessionId, hash(token), parentId, this.settings.current().auth.session_idle_s],
    );
  }

  private successor(token: string): string {
    return createHmac('sha256', this.keys.secret('refresh token')).update(token).digest('base64url');
  }
}

async function successorUnused(tx: Tx, parentId: string): Promise<boolean> {
  const [child] = await tx.query<{ used: boolean }>(
    'SELECT used_at IS NOT NULL AS used FROM refresh_tokens WHERE parent_id = $1',
    [parentId],
  );
  return child?.used === false;
}

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
