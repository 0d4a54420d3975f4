import { randomBytes } from 'node:crypto';
import { signToken, verifyToken } from './signed-token';

describe('signed tokens', () => {
  const secret = randomBytes(32);
  const inAMinute = () => new Date(Date.now() + 60_000);

  it('say what was signed', () => {
    expect(verifyToken(secret, signToken(secret, { artifact_id: 'a' }, inAMinute()))).toMatchObject({
      artifact_id: 'a',
    });
  });

  it('end when they expire', () => {
    const token = signToken(secret, {}, inAMinute());
    expect(verifyToken(secret, token, new Date(Date.now() + 61_000))).toBeUndefined();
  });

  it('are refused when body, signature or secret differ', () => {
    const token = signToken(secret, { artifact_id: 'a' }, inAMinute());
    const [body = '', mac = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ artifact_id: 'b', exp: 9e9 })).toString('base64url');
    for (const bad of [
      `${forged}.${mac}`,
      `${body}.`,
      body,
      `${token}.x`,
      `${body}.${mac.slice(2)}`,
      '',
      '..',
    ])
      expect(verifyToken(secret, bad)).toBeUndefined();
    expect(verifyToken(randomBytes(32), token)).toBeUndefined();
  });
});
