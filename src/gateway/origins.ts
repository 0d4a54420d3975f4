import type { Env } from '../platform/settings/env';

/**
 * Who may open the gateway from a browser. A missing Origin is no browser, and allowed: such a client cannot
 * be led to use somebody's cookies, and the token is asked for anyway.
 */
export class OriginList {
  private readonly allowed: ReadonlySet<string>;

  constructor(env: Pick<Env, 'port' | 'publicUrl' | 'wsOrigins'>) {
    this.allowed = new Set([
      `http://localhost:${env.port}`,
      `http://127.0.0.1:${env.port}`,
      new URL(env.publicUrl).origin,
      ...env.wsOrigins,
    ]);
  }

  /** Whether a handshake with this Origin header may go on: an exact match, nothing looser. */
  allows(origin: string | undefined): boolean {
    return origin === undefined || this.allowed.has(origin);
  }
}
