import type { IncomingHttpHeaders } from 'node:http';
import { Logger } from '@nestjs/common';
import { AppError } from '../platform/errors/app-error';
import type { Answering } from '../platform/http/plain-reply';
import { varyBy } from '../platform/http/vary';
import type { HeldSnapshot } from './held-snapshot';
import { picksOf, PICKS } from './picks';
import { preferredEncoding, type PreparedBody, type Rendered } from './rendered';
import { snapshotReads } from './ssot-metrics';
import type { Reading } from './ssot.service';

/** Which answer of a snapshot is asked for. */
export type View = (snapshot: HeldSnapshot) => Rendered;

const FULL = '/api/admin/ssot';
const DASHBOARD = '/api/admin/ssot/dashboard';

/** The views of everybody, by their paths. */
export const VIEWS: ReadonlyMap<string, View> = new Map<string, View>([
  [FULL, (snapshot) => snapshot.full],
  [DASHBOARD, (snapshot) => snapshot.dashboard],
]);

const PICKING = `${FULL}?sections=`;
/** Views of picked sections by the address that asks for them; people's consoles ask for a handful. */
const pickViews = new Map<string, View>();
const MAX_PICK_VIEWS = 256;

/** The view that an address asks for; undefined if it asks for none, or for one that there is not. */
export function viewAt(url: string): View | undefined {
  const known = VIEWS.get(url) ?? pickViews.get(url);
  if (known || !url.startsWith(PICKING)) return known;
  const text = url.slice(PICKING.length).replace(/%2C/gi, ',');
  if (!PICKS.test(text)) return undefined;
  const view = pickView(text);
  if (pickViews.size < MAX_PICK_VIEWS) pickViews.set(url, view);
  return view;
}

/** The route that answers an address that {@link viewAt} knows. */
export function routeOf(url: string): string {
  return url === DASHBOARD ? DASHBOARD : FULL;
}

/** The view of the sections that are named, by commas. */
export function pickView(text: string): View {
  const names = picksOf(text);
  return (snapshot) => snapshot.only(names);
}

/**
 * Answers with prepared bytes: 304 if the client has this content, else 200. The one way to do so, whether
 * the request went through the router or was answered in front of it.
 */
export function sendSnapshot(
  asked: { readonly headers: IncomingHttpHeaders; readonly startedAt: number },
  reply: Answering,
  view: View,
  { snapshot, cache }: Reading,
): void {
  if (snapshot.empty)
    throw new AppError('SERVICE_UNAVAILABLE', 'The read model is not available at the moment.');
  const rendered = view(snapshot);
  const { headers, startedAt } = asked;
  const prepared = rendered.bodyFor(headers['accept-encoding']);
  if (prepared.encoding === 'identity' && preferredEncoding(headers['accept-encoding']) !== 'identity')
    compress(rendered);
  snapshotReads[cache]++;
  reply.headers({
    ...snapshotHeaders(snapshot, prepared, cache),
    age: String(snapshot.ageS),
    'server-timing': `cache;desc=${cache}, total;dur=${(performance.now() - startedAt).toFixed(2)}`,
  });
  varyBy(reply, ...VARY);
  if (rendered.matches(headers['if-none-match'])) {
    reply.status(304).send();
    return;
  }
  if (prepared.encoding !== 'identity') reply.header('content-encoding', prepared.encoding);
  reply.status(200).type(CONTENT_TYPE).send(prepared.body);
}

/** Of every answer that is a snapshot. */
export const CONTENT_TYPE = 'application/json; charset=utf-8';

/** Request headers that the answer depends on. */
export const VARY = ['Authorization', 'Accept-Encoding'] as const;

/** The headers that all answers with this body have, until it is the body of no snapshot any more. */
export function snapshotHeaders(
  snapshot: HeldSnapshot,
  { etag }: PreparedBody,
  cache: Reading['cache'],
): Record<string, string> {
  return {
    etag,
    'cache-control': 'private, no-cache',
    'x-cache': cache,
    'x-ssot-version': String(snapshot.version),
  };
}

const log = new Logger('SnapshotAnswer');

/** Prepares the compressed forms of an answer for those who ask next. */
export function compress(rendered: Rendered): void {
  rendered
    .compress()
    .catch((error: Error) => log.error(`A snapshot could not be compressed: ${error.message}`));
}
