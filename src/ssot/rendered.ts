import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

/** A content encoding that answers are prepared in. */
export type Encoding = 'identity' | 'gzip' | 'br';

/** One prepared body and the strong ETag that belongs to it. */
export interface PreparedBody {
  readonly encoding: Encoding;
  readonly body: Buffer;
  readonly etag: string;
}

/**
 * An answer as bytes, prepared once per version: plain at once, gzip and brotli as soon as they are done.
 * Each encoding has a strong ETag of its own, made of the content's hash.
 */
export class Rendered {
  private readonly bodies = new Map<Encoding, PreparedBody>();
  private readonly tags: ReadonlySet<string>;
  private readonly hash: string;
  private compressing: Promise<void> | undefined;

  /**
   * @param data what stands under `data` in the answer, as JSON
   * @param hash of the content, without what only time changes
   */
  constructor(data: string, hash: string, asOf: Date) {
    const text = `{"success":true,"data":${data},"timestamp":"${asOf.toISOString()}"}`;
    this.bodies.set('identity', { encoding: 'identity', body: Buffer.from(text), etag: `"${hash}"` });
    this.tags = new Set([`"${hash}"`, `"${hash}-gzip"`, `"${hash}-br"`]);
    this.hash = hash;
  }

  /** Prepares the compressed forms, once. */
  compress(): Promise<void> {
    return (this.compressing ??= this.compressNow());
  }

  /** The smallest prepared form that the client takes. */
  bodyFor(acceptEncoding: string | undefined): PreparedBody {
    return this.bodies.get(preferredEncoding(acceptEncoding)) ?? this.plain;
  }

  /** Whether If-None-Match names this content, in whatever encoding (weak comparison, RFC 9110 13.1.2). */
  matches(ifNoneMatch: string | undefined): boolean {
    if (ifNoneMatch === undefined) return false;
    if (this.tags.has(ifNoneMatch)) return true;
    if (ifNoneMatch.trim() === '*') return true;
    return ifNoneMatch.split(',').some((tag) => this.tags.has(tag.trim().replace(/^W\//, '')));
  }

  private async compressNow(): Promise<void> {
    const { body } = this.plain;
    const [zipped, brotli] = await Promise.all([
      gzipAsync(body, { level: 6 }),
      brotliAsync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
    ]);
    this.bodies.set('gzip', { encoding: 'gzip', body: zipped, etag: `"${this.hash}-gzip"` });
    this.bodies.set('br', { encoding: 'br', body: brotli, etag: `"${this.hash}-br"` });
  }

  private get plain(): PreparedBody {
    const plain = this.bodies.get('identity');
    if (!plain) throw new Error('The plain form is made in the constructor');
    return plain;
  }
}

/** Browsers send a handful of different headers; nothing else is worth remembering. */
const MAX_REMEMBERED = 64;
const remembered = new Map<string, Encoding>();

/** The encoding to answer in: brotli, else gzip, else none, as Accept-Encoding allows. */
export function preferredEncoding(header: string | undefined): Encoding {
  if (header === undefined) return 'identity';
  const known = remembered.get(header);
  if (known) return known;
  const qualities = new Map(
    header
      .toLowerCase()
      .split(',')
      .map((part) => {
        const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
        const quality = parameters.find((parameter) => parameter.startsWith('q='));
        return [name, quality === undefined ? 1 : Number(quality.slice(2)) || 0] as const;
      }),
  );
  const allows = (name: string) => (qualities.get(name) ?? qualities.get('*') ?? 0) > 0;
  const chosen: Encoding = allows('br') ? 'br' : allows('gzip') ? 'gzip' : 'identity';
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(header, chosen);
  return chosen;
}
