import { WebSocket } from 'ws';
import { GatewayClient, type GatewayClientOptions } from './gateway-client';

/** A {@link GatewayClient} for Node, not connected yet. */
export function nodeGatewayClient(options: Omit<GatewayClientOptions, 'connect'>): GatewayClient {
  return new GatewayClient({
    ...options,
    connect: (url) => new WebSocket(url, { perMessageDeflate: false }),
  });
}
