import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../platform/errors/app-error';
import { MessageBus } from '../platform/messages/message-bus';
import { Db } from '../platform/postgres/db';
import { GatewayTickets } from '../platform/security/gateway-tickets';
import type { Actor, Role } from '../platform/security/roles';
import { SigningKeys } from '../platform/security/signing-keys';
import { RuntimeSettings } from '../platform/settings/runtime-settings';
import { AuthService } from '../user-api/auth/auth.service';
import type { Connection, SignedIn } from './connection';
import { CLOSE } from './protocol';
import { Subscriptions } from './subscriptions';
import { reasonOf } from '../platform/errors/unavailable';

/** How often Postgres is asked about all open sessions, in case a message was lost, in milliseconds. */
const POLL_MS = 1_000;

/** Who may stay: sign-in over the connection, and the end of it when the session or the role ends. */
@Injectable()
export class SignIn {
  private readonly log = new Logger(SignIn.name);
  private connections: ReadonlySet<Connection> = new Set();
  private timer: NodeJS.Timeout | undefined;
  private polling = false;

  constructor(
    private readonly auth: AuthService,
    private readonly subscriptions: Subscriptions,
    private readonly tickets: GatewayTickets,
    private readonly keys: SigningKeys,
    private readonly settings: RuntimeSettings,
    private readonly db: Db,
    private readonly bus: MessageBus,
  ) {}

  /** Watches over these connections from now on. */
  start(connections: ReadonlySet<Connection>): void {
    this.connections = connections;
    this.bus.on('session.revoked', ({ session_id }) => {
      for (const connection of this.of((one) => one.actor.sessionId === session_id)) this.end(connection);
    });
    this.bus.on('user.changed', async ({ user_id }) => {
      for (const connection of this.of((one) => one.actor.userId === user_id)) await this.renew(connection);
    });
    this.timer = setInterval(() => void this.poll(), POLL_MS);
  }

  /** Stops watching. */
  stop(): void {
    clearInterval(this.timer);
  }

  /**
   * Signs a connection in, or renews its token.
   *
   * @throws AppError UNAUTHORIZED if the token is not good, or belongs to somebody else than the connection
   */
  async signIn(connection: Connection, token: string): Promise<SignedIn> {
    const verify = () => this.auth.authenticate(token);
    return this.admit(connection, { actor: await verify(), verify, expiresAt: expiryOf(token) });
  }

  /**
   * Signs a connection in by a ticket, which is spent. It lasts as long as an access token would.
   *
   * @throws AppError UNAUTHORIZED if the ticket or its session are not good
   */
  async signInByTicket(connection: Connection, ticket: string): Promise<SignedIn> {
    const holder = await this.tickets.redeem(ticket);
    const kid = holder?.kid;
    if (!holder || (kid !== undefined && !(await this.keys.lookUp(kid))))
      throw new AppError('UNAUTHORIZED', 'The ticket is unknown, spent or too old.');
    const verify = async () => ({ ...(await this.auth.ofSession(holder.sessionId, holder.userId)), kid });
    const expiresAt = Date.now() + this.settings.current().auth.access_token_s * 1_000;
    return this.admit(connection, { actor: await verify(), verify, expiresAt });
  }

  private async admit(connection: Connection, signedIn: SignedIn): Promise<SignedIn> {
    const { actor } = signedIn;
    const before = connection.signedIn;
    if (before && before.actor.userId !== actor.userId)
      throw new AppError('UNAUTHORIZED', 'This connection belongs to somebody else.');
    // It may have gone while the token was verified; it would leave its deadline behind.
    if (!connection.open) return signedIn;
    connection.signedIn = signedIn;
    connection.setDeadline(signedIn.expiresAt, () =>
      connection.close(CLOSE.unauthenticated, 'the token has expired'),
    );
    if (before && before.actor.role !== actor.role) await this.subscriptions.checkAgain(connection);
    return signedIn;
  }

  private of(belongs: (signedIn: SignedIn) => boolean): Connection[] {
    return [...this.connections].filter(({ signedIn }) => signedIn && belongs(signedIn));
  }

  /** Whether the key still counts that somebody's access token was signed with. */
  private isSigned({ kid }: Pick<Actor, 'kid'>): boolean {
    return kid === undefined || this.keys.find(kid) !== undefined;
  }

  private end(connection: Connection): void {
    connection.close(CLOSE.unauthenticated, 'the session has ended');
  }

  /** Asks anew who the connection's user is now. */
  private async renew(connection: Connection): Promise<void> {
    const { signedIn } = connection;
    if (!signedIn) return;
    try {
      const actor = await signedIn.verify();
      await this.applyRole(connection, actor.role);
    } catch (error) {
      if (error instanceof AppError && error.code === 'UNAUTHORIZED') this.end(connection);
      else this.log.warn(`A changed user could not be looked up yet: ${reasonOf(error)}`);
    }
  }

  private async applyRole(connection: Connection, role: Role): Promise<void> {
    const { signedIn } = connection;
    if (!signedIn || signedIn.actor.role === role) return;
    connection.signedIn = { ...signedIn, actor: { ...signedIn.actor, role } };
    await this.subscriptions.checkAgain(connection);
  }

  /** One statement for all open sessions. */
  private async poll(): Promise<void> {
    for (const connection of this.of(({ actor }) => !this.isSigned(actor))) this.end(connection);
    const open = this.of(() => true);
    if (this.polling || open.length === 0) return;
    this.polling = true;
    try {
      const ids = new Set(open.map((connection) => connection.signedIn?.actor.sessionId));
      const rows = await this.db.query<{ id: string; role: Role }>(
        `SELECT s.id, u.role FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = ANY($1) AND s.revoked_at IS NULL AND s.expires_at > now() AND u.enabled`,
        [[...ids]],
      );
      const roles = new Map(rows.map((row) => [row.id, row.role]));
      for (const connection of open) {
        const sessionId = connection.signedIn?.actor.sessionId ?? '';
        // It may have signed in with another session while Postgres was asked.
        if (!ids.has(sessionId)) continue;
        const role = roles.get(sessionId);
        if (role === undefined) this.end(connection);
        else await this.applyRole(connection, role);
      }
    } catch (error) {
      this.log.debug(`Open sessions cannot be checked: ${reasonOf(error)}`);
    } finally {
      this.polling = false;
    }
  }
}

/** When a token that has been verified expires, in milliseconds since 1970. */
function expiryOf(token: string): number {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  return (JSON.parse(payload) as { exp: number }).exp * 1000;
}
