import type { IncomingMessage } from 'node:http';
import { type BeforeApplicationShutdown, Inject, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { type OnGatewayConnection, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { AppError } from '../platform/errors/app-error';
import type { ErrorCode } from '../platform/errors/error-codes';
import { clientIp, IpAllowList } from '../platform/security/ip-allow-list';
import { ENV, type Env } from '../platform/settings/env';
import { AddressCounts } from './address-counts';
import { parseClientFrame } from './client-frame';
import { Connection } from './connection';
import { FeedHub } from './feed/feed-hub';
import { gatewayConnections } from './gateway-metrics';
import { GatewayServer } from './gateway-server';
import { OriginList } from './origins';
import { CLOSE, type ClientFrame } from './protocol';
import { SignIn } from './sign-in';
import { Subscriptions } from './subscriptions';
import { reasonOf } from '../platform/errors/unavailable';

/** How long a client may take to sign in, in milliseconds. */
const AUTH_WAIT_MS = 5_000;
/** How often clients are pinged; one that was silent since the last ping is cut off, in milliseconds. */
const PING_MS = 25_000;
/** Connections of one address that have not signed in yet. */
const MAX_WAITING_PER_IP = 1_000;
/** Malformed frames until a client is cut off. */
const MAX_STRIKES = 10;
/** Messages of a client that wait for their turn. */
const MAX_BACKLOG = 500;
/** How long a stop waits for clients to take their leave, in milliseconds. */
const GOODBYE_MS = 2_000;

/**
 * Live updates over raw WebSocket: the first frame signs in, then topics are subscribed to, from where the
 * client left off if it has been here before. It reads only; whatever is to be done is done over HTTP.
 */
@WebSocketGateway()
export class Gateway implements OnGatewayConnection, OnApplicationBootstrap, BeforeApplicationShutdown {
  @WebSocketServer() private readonly server!: GatewayServer;
  private readonly log = new Logger(Gateway.name);
  private readonly connections = new Set<Connection>();
  /** Those that have not signed in. */
  private readonly waiting = new AddressCounts();
  private readonly origins: OriginList;
  private readonly trusted: IpAllowList;
  private pinging: NodeJS.Timeout | undefined;

  constructor(
    private readonly hub: FeedHub,
    private readonly signing: SignIn,
    private readonly subscriptions: Subscriptions,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.origins = new OriginList(env);
    this.trusted = new IpAllowList(env.trustedProxies);
  }

  /** Starts to listen; the process does not start if the port is taken. */
  async onApplicationBootstrap(): Promise<void> {
    this.hub.start();
    this.signing.start(this.connections);
    this.server.setHandshakeCheck((request) => {
      if (!this.origins.allows(request.headers.origin)) return 403;
      return this.waiting.of(this.ipOf(request)) >= MAX_WAITING_PER_IP ? 429 : undefined;
    });
    await this.server.listen(this.env.wsPort, this.env.host);
    this.pinging = setInterval(() => this.pingAll(), PING_MS);
    this.log.log(`Listening on ${this.env.host}:${this.server.port}`);
  }

  /** Pings all clients, and cuts those off from whom nothing has come since the last time. */
  pingAll(): void {
    for (const connection of this.connections) if (!connection.ping()) connection.terminate();
  }

  /** Sends everybody to another process: no new connections, and 3001 to those that are open. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.pinging);
    this.signing.stop();
    this.server.stopListening();
    for (const connection of this.connections) connection.close(CLOSE.goingAway, 'the process stops');
    const until = performance.now() + GOODBYE_MS;
    while (this.connections.size > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.hub.stop();
  }

  /** Called by Nest for each connection, at once, so that no message is missed. */
  handleConnection(ws: WebSocket, request: IncomingMessage): void {
    const connection = new Connection(ws, request.socket, this.ipOf(request));
    this.connections.add(connection);
    gatewayConnections.inc();
    const admitted = this.waiting.add(connection.ip);
    connection.setDeadline(Date.now() + AUTH_WAIT_MS, () => {
      // What waits then is its sign-in, as anything else would have closed it.
      if (connection.backlog > 0) connection.close(CLOSE.tryLater, 'the sign-in takes too long');
      else connection.close(CLOSE.unauthenticated, 'sign in within 5 s');
    });
    ws.on('message', (data: Buffer, isBinary: boolean) => this.receive(connection, data, isBinary, admitted));
    ws.on('pong', () => (connection.alive = true));
    ws.on('ping', () => this.spend(connection));
    // Always followed by 'close'; ws closes with the code that fits (1002, 1007, 1009).
    ws.on('error', (error: Error) => this.log.debug(`Connection ${connection.id}: ${reasonOf(error)}`));
    ws.on('close', () => {
      admitted();
      this.connections.delete(connection);
      gatewayConnections.dec();
      connection.dispose();
    });
  }

  private receive(connection: Connection, data: Buffer, isBinary: boolean, admitted: () => void): void {
    connection.alive = true;
    if (!connection.open || !this.spend(connection)) return;
    let frame: ClientFrame;
    try {
      frame = parseClientFrame(data, isBinary);
    } catch (error) {
      this.refuse(connection, error);
      if (++connection.strikes >= MAX_STRIKES) connection.close(CLOSE.policy, 'too many malformed frames');
      return;
    }
    if (connection.backlog >= MAX_BACKLOG) return connection.close(CLOSE.policy, 'too many messages');
    connection.enqueue(() => this.handle(connection, frame, admitted));
  }

  /** Never rejects. */
  private async handle(connection: Connection, frame: ClientFrame, admitted: () => void): Promise<void> {
    if (!connection.open) return;
    try {
      if (frame.type === 'auth') return await this.signIn(connection, frame, admitted);
      if (!connection.signedIn) {
        return connection.close(CLOSE.unauthenticated, 'the first frame has to sign in');
      }
      if (frame.type === 'ping') connection.send({ type: 'pong' });
      else if (frame.type === 'subscribe')
        await this.subscriptions.add(connection, frame.topic, frame.since, frame.filter);
      else this.subscriptions.remove(connection, frame.topic);
    } catch (error) {
      this.refuse(connection, error, 'topic' in frame ? frame.topic : undefined);
    }
  }

  private async signIn(
    connection: Connection,
    frame: Extract<ClientFrame, { type: 'auth' }>,
    admitted: () => void,
  ): Promise<void> {
    try {
      const { actor, expiresAt } = await ('ticket' in frame
        ? this.signing.signInByTicket(connection, frame.ticket)
        : this.signing.signIn(connection, frame.token));
      admitted();
      connection.send({
        type: 'ready',
        session: connection.id,
        role: actor.role,
        expires_at: new Date(expiresAt).toISOString(),
      });
    } catch (error) {
      this.refuse(connection, error);
      if (error instanceof AppError && error.code === 'UNAUTHORIZED')
        connection.close(CLOSE.unauthenticated, 'token or ticket are not good');
      // Who only renews a token may try again until the old one expires.
      else if (!connection.signedIn) connection.close(CLOSE.tryLater, 'the sign-in cannot be checked');
    }
  }

  /** @returns false if the message is not to be looked at */
  private spend(connection: Connection): boolean {
    const verdict = connection.budget.take();
    if (verdict === 'flood') connection.close(CLOSE.policy, 'too many messages');
    else if (verdict === 'over') this.refuse(connection, new AppError('RATE_LIMITED'));
    return verdict === 'ok';
  }

  private refuse(connection: Connection, error: unknown, topic?: string): void {
    const known = error instanceof AppError;
    if (!known) this.log.error(`Connection ${connection.id}: ${reasonOf(error)}`, (error as Error).stack);
    const code: ErrorCode = known ? error.code : 'SERVICE_UNAVAILABLE';
    const message = known ? error.message : 'This is not available at the moment.';
    connection.send({ type: 'error', code, message, ...(topic === undefined ? {} : { topic }) });
  }

  private ipOf(request: IncomingMessage): string {
    const forwarded = request.headers['x-forwarded-for'];
    const text = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
    return clientIp(request.socket.remoteAddress ?? '', text, this.trusted);
  }
}
