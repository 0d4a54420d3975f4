import { undisguised } from './undisguised';

/** A part of a key's name that makes its value a secret, whatever stands around it. */
const SECRET_WORDS = new Set([
  'auth',
  'authorization',
  'bearer',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'csrf',
  'cvc',
  'cvv',
  'dsn',
  'jwt',
  'otp',
  'pass',
  'passcode',
  'passphrase',
  'passwd',
  'password',
  'passwords',
  'pin',
  'pincode',
  'pwd',
  'secret',
  'secrets',
  'sid',
  'sig',
  'signature',
  'token',
  'tokens',
  'totp',
  'wachtwoord',
  'xsrf',
]);
/** The same, for names whose words are split at unexpected places: `PASS_WORD`, `apiKey`, `api-key`, `clientsecret`. */
const SECRET_COMPOUNDS = [
  'password',
  'passwd',
  'passphrase',
  'wachtwoord',
  'apikey',
  'apisecret',
  'privatekey',
  'secretkey',
  'accesskey',
  'signingkey',
  'encryptionkey',
  'sessionkey',
  'sessionid',
  'sshkey',
  'clientsecret',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'authtoken',
  'connectionstring',
  'databaseurl',
  'redisurl',
];

/** Names that were looked at, since they are nearly always the same; forgotten all at once when they become many. */
const known = new Map<string, boolean>();
const MAX_KNOWN = 2_000;
/** Longer ones are hardly names, and would only take room. */
const MAX_LENGTH = 60;

/** Whether a key's name says that its value is a secret. `author` is not `auth`. */
export function isSecretKey(key: string): boolean {
  const old = known.get(key);
  if (old !== undefined) return old;
  const isSecret = namesSecret(key);
  if (key.length <= MAX_LENGTH) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, isSecret);
  }
  return isSecret;
}

function namesSecret(key: string): boolean {
  const words = undisguised(key)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  if (words.some((word) => SECRET_WORDS.has(word))) return true;
  const joined = words.join('');
  return SECRET_COMPOUNDS.some((compound) => joined.includes(compound));
}
