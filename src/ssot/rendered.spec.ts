import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { preferredEncoding, Rendered } from './rendered';

describe('preferredEncoding', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['gzip; q=0', 'identity'],
    ['*', 'br'],
    ['*;q=0', 'identity'],
    ['br;q=0, *', 'gzip'],
    ['zstd, deflate', 'identity'],
    ['br;q=nonsense', 'identity'],
  ])('%s -> %s', (header, expected) => {
    expect(preferredEncoding(header)).toBe(expected);
    // Remembered headers say the same.
    expect(preferredEncoding(header)).toBe(expected);
  });
});

describe('Rendered', () => {
  const rendered = new Rendered('{"a":1}', 'hash', new Date(0));

  it('is plain until compressed, then the same content in each encoding', async () => {
    const fresh = new Rendered('{"a":1}', 'hash', new Date(0));
    expect(fresh.bodyFor('br').encoding).toBe('identity');
    await fresh.compress();
    const plain = fresh.bodyFor(undefined);
    expect(plain.body.toString()).toBe(
      '{"success":true,"data":{"a":1},"timestamp":"1970-01-01T00:00:00.000Z"}',
    );
    expect(gunzipSync(fresh.bodyFor('gzip').body)).toEqual(plain.body);
    expect(brotliDecompressSync(fresh.bodyFor('br').body)).toEqual(plain.body);
    expect(['br', 'gzip', ''].map((header) => fresh.bodyFor(header).etag)).toEqual([
      '"hash-br"',
      '"hash-gzip"',
      '"hash"',
    ]);
  });

  it.each([
    [undefined, false],
    ['"hash"', true],
    ['W/"hash"', true],
    ['"hash-br"', true],
    ['"other", "hash-gzip"', true],
    ['*', true],
    ['"other"', false],
    ['hash', false],
    ['"has"', false],
  ])('If-None-Match %s -> %s', (header, expected) => {
    expect(rendered.matches(header)).toBe(expected);
  });
});
