import { generateKeyPairSync } from 'node:crypto';
import type { SigningKey, SigningKeys } from '../../platform/security/signing-keys';
import { AccessTokens } from './access-tokens';

const USER = '0190a1b2-0000-7000-8000-000000000001';
const SESSION = '0190a1b2-0000-7000-8000-000000000002';
const EXPIRED = { message: 'The access token has expired. Refresh it.', userId: USER };
const REFUSED = { code: 'UNAUTHORIZED', message: 'A valid access token is needed.' };

const newKey = (kid: string): SigningKey => ({ kid, ...generateKeyPairSync('ed25519') });

/** Tokens that are signed with the first of the keys; a key that is taken out is gone. */
function tokensWith(keys: SigningKey[]): AccessTokens {
  const find = (kid: string) => keys.find((key) => key.kid === kid);
  const stock = { signing: () => keys[0], find, lookUp: (kid: string) => Promise.resolve(find(kid)) };
  return new AccessTokens(stock as unknown as SigningKeys);
}

describe('access tokens', () => {
  const own = newKey('own-key-00000000');
  const signatureChecks = jest.spyOn(crypto.subtle, 'verify');

  beforeEach(() => signatureChecks.mockClear());
  afterEach(() => jest.useRealTimers());

  it('are verified once, however often they are looked at', async () => {
    const tokens = tokensWith([own]);
    const token = await tokens.issue(USER, SESSION, 600);
    expect(tokens.known(token)).toBeUndefined();
    for (let i = 0; i < 3; i++)
      expect(await tokens.verify(token)).toMatchObject({ userId: USER, sessionId: SESSION, kid: own.kid });
    expect(tokens.known(token)).toMatchObject({ userId: USER });
    expect(signatureChecks).toHaveBeenCalledTimes(1);
  });

  it('that are forged are found out once, and refused each time', async () => {
    const forged = await tokensWith([newKey(own.kid)]).issue(USER, SESSION, 600);
    const tokens = tokensWith([own]);
    for (let i = 0; i < 3; i++) await expect(tokens.verify(forged)).rejects.toMatchObject(REFUSED);
    expect(tokens.known(forged)).toBeUndefined();
    expect(signatureChecks).toHaveBeenCalledTimes(1);
  });

  it('that have expired are verified once, and whose they were is told each time', async () => {
    const tokens = tokensWith([own]);
    const [seen, unseen] = [await tokens.issue(USER, SESSION, 600), await tokens.issue(USER, SESSION, 601)];
    await tokens.verify(seen);
    jest.useFakeTimers({
      now: Date.now() + 601_000,
      doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'],
    });
    for (const token of [seen, unseen])
      for (let i = 0; i < 3; i++) await expect(tokens.verify(token)).rejects.toMatchObject(EXPIRED);
    expect(tokens.known(seen)).toBeUndefined();
    expect(signatureChecks).toHaveBeenCalledTimes(2);
  });

  it('go with the key that they were signed with, and nobody is told whose they were', async () => {
    const keys = [own];
    const tokens = tokensWith(keys);
    const token = await tokens.issue(USER, SESSION, 600);
    await tokens.verify(token);
    keys.pop();
    expect(tokens.known(token)).toBeUndefined();
    await expect(tokens.verify(token)).rejects.toMatchObject(REFUSED);
    jest.useFakeTimers({
      now: Date.now() + 601_000,
      doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'],
    });
    await expect(tokens.verify(token)).rejects.not.toHaveProperty('userId');
  });

  it('are good as soon as the key is there that they were signed with, though they were refused before', async () => {
    const keys: SigningKey[] = [];
    const tokens = tokensWith(keys);
    const token = await tokensWith([own]).issue(USER, SESSION, 600);
    await expect(tokens.verify(token)).rejects.toMatchObject(REFUSED);
    keys.push(own);
    expect(await tokens.verify(token)).toMatchObject({ userId: USER });
  });
});
