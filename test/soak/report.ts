import type { SoakResult } from './run';

/** What a soak came to, in a few lines. */
export function report({ topics, connections, kills, orders, violations }: SoakResult): string {
  return [
    ...topics.map(
      ({ topic, published, delivered, resumed }) =>
        `${topic}: ${published} events published, ${delivered} delivered, ${resumed} times resumed`,
    ),
    `${connections} connections, ${orders} orders, ${kills.length} processes ended (${kills.join(', ')})`,
    `${violations.length} violations`,
  ].join('\n');
}
