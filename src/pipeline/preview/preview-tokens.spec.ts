import type { Db } from '../../platform/postgres/db';
import type { SigningKeys } from '../../platform/security/signing-keys';
import { digestOf, PreviewTokens } from './preview-tokens';

const keysOf = (secret: string) => ({ secret: () => Buffer.from(secret) }) as unknown as SigningKeys;
const tokens = new PreviewTokens(keysOf('one'), {} as Db);
const subject = { actorId: 'u1', action: 'queue.clear', fingerprint: Buffer.from('fingerprint') };
const preview = { selection: [{ id: 'a', state: '1' }], effects: [], warnings: ['careful'] };

describe('a preview token', () => {
  beforeEach(() => jest.useFakeTimers({ now: 1_800_000_000_000 }));
  afterEach(() => jest.useRealTimers());

  it('names its preview', () => {
    const answer = tokens.answer(preview, subject, 'e1');
    expect(answer).toMatchObject({ count: 1, ids: ['a'], warnings: ['careful'] });
    expect(tokens.verify(answer.preview_token, subject)).toMatchObject({ id: 'e1' });
  });

  it('is good for five minutes', () => {
    const { preview_token } = tokens.answer(preview, subject, 'e1');
    jest.setSystemTime(1_800_000_000_000 + 299_999);
    expect(tokens.verify(preview_token, subject)).toEqual({ id: 'e1', expired: false });
    jest.setSystemTime(1_800_000_000_000 + 300_000);
    expect(tokens.verify(preview_token, subject)).toEqual({ id: 'e1', expired: true });
  });

  it.each([
    ['another actor', { ...subject, actorId: 'u2' }],
    ['another action', { ...subject, action: 'queue.purge' }],
    ['another payload', { ...subject, fingerprint: Buffer.from('other') }],
  ])('is not good for %s', (_what, other) => {
    const { preview_token } = tokens.answer(preview, subject, 'e1');
    expect(() => tokens.verify(preview_token, other)).toThrow(
      expect.objectContaining({ code: 'PREVIEW_INVALID' }),
    );
  });

  it('cannot be made by others', () => {
    const forged = new PreviewTokens(keysOf('two'), {} as Db).answer(preview, subject, 'e1').preview_token;
    expect(() => tokens.verify(forged, subject)).toThrow(
      expect.objectContaining({ code: 'PREVIEW_INVALID' }),
    );
  });

  it('shows the first hundred of a long selection, and counts all', () => {
    const selection = Array.from({ length: 1_000 }, (_, i) => ({ id: `j${i}`, state: '1' }));
    const answer = tokens.answer({ ...preview, selection }, subject, 'e1');
    expect([answer.count, answer.ids.length]).toEqual([1_000, 100]);
  });
});

describe('the digest of a selection', () => {
  const a = { id: 'a', state: '1' };
  const b = { id: 'b', state: '1' };

  it('does not depend on the order', () => {
    expect(digestOf([a, b])).toBe(digestOf([b, a]));
  });

  it('depends on every id and every state', () => {
    const digests = [
      [a],
      [a, b],
      [{ ...a, state: '2' }],
      [{ id: 'a1', state: '' }],
      [{ id: 'a', state: '1' }, b, b],
    ].map(digestOf);
    expect(new Set(digests).size).toBe(digests.length);
  });
});
