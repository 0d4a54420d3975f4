import type { FastifyReply, FastifyRequest } from 'fastify';
import '../platform/http/request';
import { varyBy } from '../platform/http/vary';
import type { HeldSnapshot } from './held-snapshot';
import type { Rendered } from './rendered';
import { snapshotReads } from './ssot-metrics';
import type { Reading } from './ssot.service';

/** Which answer of a snapshot is asked for. */
export type View = (snapshot: HeldSnapshot) => Rendered;

/** The views by their paths. */
export const VIEWS: ReadonlyMap<string, View> = new Map<string, View>([
  ['/api/admin/ssot', (snapshot) => snapshot.full],
  ['/api/admin/ssot/dashboard', (snapshot) => snapshot.dashboard],
]);

/**
 * Answers with prepared bytes: 304 if the client has this content, else 200. The one way to do so, whether
 * the request went through the router or was answered in front of it.
 */
export function sendSnapshot(
  request: FastifyRequest,
  reply: FastifyReply,
  view: View,
  { snapshot, cache }: Reading,
): FastifyReply {
  const rendered = view(snapshot);
  const { headers } = request;
  const prepared = rendered.bodyFor(headers['accept-encoding']);
  const tookMs = performance.now() - request.startedAt;
  snapshotReads.inc({ cache });
  reply.headers({
    etag: prepared.etag,
    'cache-control': 'private, no-cache',
    'x-cache': cache,
    'x-ssot-version': snapshot.version,
    age: snapshot.ageS,
    'server-timing': `cache;desc=${cache}, total;dur=${tookMs.toFixed(2)}`,
  });
  varyBy(reply, 'Authorization', 'Accept-Encoding');
  if (rendered.matches(headers['if-none-match'])) return reply.status(304).send();
  if (prepared.encoding !== 'identity') reply.header('content-encoding', prepared.encoding);
  return reply.status(200).header('content-type', 'application/json; charset=utf-8').send(prepared.body);
}
