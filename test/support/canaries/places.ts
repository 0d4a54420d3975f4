import { recognisable, word } from './secrets';

/** A body with a secret in it, called by the place where that is. */
export interface Planted {
  readonly place: string;
  readonly value: unknown;
  readonly secret: string;
}

const KEYS = [
  'password',
  'Password',
  'PASS_WORD',
  'user[password]',
  'x-api-key',
  'apiKey',
  'accessToken',
  'refresh_token',
  'clientSecret',
  'Authorization',
  'set-cookie',
  'private_key',
  'wachtwoord',
  'connectionString',
  // Full-width, with a joiner, and with a Cyrillic a.
  '\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44',
  'pass\u200dword',
  'p\u0430ssword',
];

function nested(value: unknown, depth: number): unknown {
  return depth === 0 ? value : { a: nested(value, depth - 1) };
}

/** Objects that hold a secret under a name that tells, in each way that a name can be given. */
export function underTellingNames(): Planted[] {
  const planted = (place: string, make: (secret: string) => unknown): Planted => {
    const secret = word();
    return { place, secret, value: make(secret) };
  };
  return [
    ...KEYS.map((key) => planted(`under ${key}`, (secret) => ({ [key]: secret }))),
    planted('under a name, 25 deep', (secret) => nested({ token: secret }, 25)),
    planted('under a name, in lists', (secret) => ({ a: [[{ b: [{ secret }] }]] })),
    planted('in JSON', (secret) => ({ a: JSON.stringify({ password: secret }) })),
    planted('in JSON in JSON', (secret) => ({
      a: JSON.stringify({ b: JSON.stringify([{ password: secret }]) }),
    })),
    planted('in a pair', (secret) => ({ a: [{ name: 'password', value: secret }] })),
    planted('in a pair of headers', (secret) => ({ a: [['authorization', secret]] })),
  ];
}

/** Sentences that hold something which its own form gives away. */
export function withinSentences(): (Planted & { value: string })[] {
  return recognisable().map(({ what, text, secret }) => ({
    place: what,
    secret,
    value: `because of ${text} and so on`,
  }));
}
