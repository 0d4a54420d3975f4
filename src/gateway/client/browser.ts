import { GatewayClient, type GatewayClientOptions, type SocketLike } from './gateway-client';

export { followState, type FollowedState, type StateHandlers } from './follow-state';
export type { FollowHandlers, GatewayEnd } from './follow';
export type { ClientState, GatewayClient } from './gateway-client';
export type * from '../protocol';

/** A {@link GatewayClient} for browsers, not connected yet. Nothing that is imported from here needs Node. */
export function browserGatewayClient(options: Omit<GatewayClientOptions, 'connect'>): GatewayClient {
  const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string) => SocketLike };
  return new GatewayClient({ ...options, connect: (url) => new WebSocket(url) });
}
