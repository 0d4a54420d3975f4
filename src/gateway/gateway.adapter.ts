import { WsAdapter } from '@nestjs/platform-ws';
import type { INestApplicationContext } from '@nestjs/common';
import { IpAllowList } from '../platform/security/ip-allow-list';
import { ENV, type Env } from '../platform/settings/env';
import { GatewayServer } from './gateway-server';

/**
 * Gives Nest's gateway our server: its own port, taken from the environment when the application starts (and
 * not from a decorator when a file is imported), and frames of our own protocol instead of Nest's events.
 */
export class GatewayAdapter extends WsAdapter {
  private readonly trusted: IpAllowList;

  constructor(app: INestApplicationContext) {
    super(app);
    this.trusted = new IpAllowList(app.get<Env>(ENV).trustedProxies);
  }

  override create(): GatewayServer {
    return new GatewayServer({ isProxy: (address) => this.trusted.contains(address) });
  }

  /** The gateway reads its messages itself. */
  override bindMessageHandlers(): void {
    // Nothing to bind: there are no @SubscribeMessage handlers.
  }

  override close(server: GatewayServer): Promise<void> {
    server.stopListening();
    for (const client of server.clients) client.terminate();
    return Promise.resolve();
  }
}
