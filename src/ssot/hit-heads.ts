import { fieldLines, KeptLines, statusLine } from '../platform/http/prepared-answer';
import type { HeldSnapshot } from './held-snapshot';
import type { ReadLimitState } from './read-limit';
import type { PreparedBody } from './rendered';
import { CONTENT_TYPE, snapshotHeaders, VARY } from './snapshot-answer';

/** The fixed part of an answer's head, with the body and without. */
interface Heads {
  readonly ok: string;
  readonly notModified: string;
}

/** What differs from one answer to the next. */
export interface HitMoment {
  readonly traceId: string;
  readonly limit: ReadLimitState;
  /** How long it took, in milliseconds. */
  readonly took: number;
}

/** Times up to ten milliseconds, by hundredths of one: writing a fraction costs more than finding it. */
const SHORT_TIMES = Array.from({ length: 1_000 }, (_, hundredths) => (hundredths / 100).toFixed(2));

/** The heads of hits as text, put together once for each body; a hit adds the few fields of its own. */
export class HitHeads {
  /** By the body, and so forgotten with it. */
  private readonly heads = new WeakMap<PreparedBody, Heads>();
  private readonly always: string;
  private readonly kept: KeptLines;

  /**
   * @param headers what every answer has, in lower case
   * @param keepAliveMs how long the server keeps an idle connection
   */
  constructor({ vary, ...headers }: Readonly<Record<string, string>>, keepAliveMs: number) {
    this.always = fieldLines({ ...headers, vary: [...(vary ? [vary] : []), ...VARY].join(', ') });
    this.kept = new KeptLines(keepAliveMs);
  }

  /** The whole head of an answer. */
  head(
    status: 200 | 304,
    snapshot: HeldSnapshot,
    body: PreparedBody,
    { traceId, limit, took }: HitMoment,
  ): string {
    let heads = this.heads.get(body);
    if (!heads) this.heads.set(body, (heads = this.headsOf(snapshot, body)));
    const desc = snapshot.document.stale ? 'stale' : 'hit';
    const dur = SHORT_TIMES[Math.round(took * 100)] ?? took.toFixed(2);
    return (
      `${status === 200 ? heads.ok : heads.notModified}${this.kept.now()}age: ${snapshot.ageS}\r\n` +
      `ratelimit-policy: "admin-read";q=${limit.limit};w=60\r\n` +
      `ratelimit: "admin-read";r=${limit.remaining};t=${limit.resetS}\r\n` +
      `server-timing: cache;desc=${desc}, total;dur=${dur}\r\nx-trace-id: ${traceId}\r\n\r\n`
    );
  }

  private headsOf(snapshot: HeldSnapshot, body: PreparedBody): Heads {
    const cache = snapshot.document.stale ? 'stale' : 'hit';
    const common = this.always + fieldLines(snapshotHeaders(snapshot, body, cache));
    const content = fieldLines({
      ...(body.encoding === 'identity' ? {} : { 'content-encoding': body.encoding }),
      'content-type': CONTENT_TYPE,
      'content-length': body.body.length,
    });
    return { ok: statusLine(200) + common + content, notModified: statusLine(304) + common };
  }
}
