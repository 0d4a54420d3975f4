import { randomBytes, randomInt } from 'node:crypto';

/** Secrets and personal data that nobody has: new ones each time, of every form that is to be recognised. */

/** A word that says nothing of itself: only what it is called by, or stands behind, tells that it is a secret. */
export const word = (): string => `c4nary${randomBytes(9).toString('hex')}`;

/** Something that says by its own form what it is. */
export interface Recognisable {
  readonly what: string;
  /** What is sent. */
  readonly text: string;
  /** The part of it that must not be found. */
  readonly secret: string;
}

const digits = (length: number): string => Array.from({ length }, () => randomInt(10)).join('');
const letters = (length: number): string =>
  Array.from({ length }, () => String.fromCharCode(65 + randomInt(26))).join('');
const base64url = (value: string | Buffer): string => Buffer.from(value).toString('base64url');
const whole = (what: string, text: string): Recognisable => ({ what, text, secret: text });

/** A token as ours are. */
export const jwt = (): string =>
  [
    base64url(JSON.stringify({ alg: 'EdDSA', kid: word() })),
    base64url(JSON.stringify({ sub: word() })),
    base64url(randomBytes(64)),
  ].join('.');

/** A key as AWS marks them. */
export const awsKey = (): string => `AKIA${letters(15)}${digits(1)}`;

/** A number of a card, by Luhn's check digit. */
export function card(): string {
  const body = `4${digits(14)}`;
  const sum = [...body].reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${body}${(10 - (sum % 10)) % 10}`;
}

/** A Dutch account, by its check digits. */
export function iban(): string {
  const account = `ABNA${digits(10)}`;
  const number = [...`${account}NL00`].map((sign) => String(parseInt(sign, 36))).join('');
  const check = 98n - (BigInt(number) % 97n);
  return `NL${check.toString().padStart(2, '0')}${account}`;
}

/** A Dutch citizen number, by the eleven-test. */
export function bsn(): string {
  for (;;) {
    const number = `${1 + randomInt(9)}${digits(8)}`;
    const sum = [...number].reduce(
      (total, digit, index) => total + Number(digit) * (index === 8 ? -1 : 9 - index),
      0,
    );
    if (sum % 11 === 0) return number;
  }
}

const grouped = (text: string, mark: string): string => text.replace(/(.{4})(?=.)/g, `$1${mark}`);
/** The same digits and signs as East Asian fonts have them. */
export const fullWidth = (text: string): string =>
  [...text].map((sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0)).join('');
/** With something between all signs that nobody sees. */
const joined = (text: string): string => [...text].join('\u200d');

/** One of each. */
export function recognisable(): Recognisable[] {
  const [password, userPassword, queryToken, bearer, pem] = [word(), word(), word(), word(), word()];
  const [spaced, dashed, wide, zeroWidth] = [card(), card(), card(), card()];
  const group = (): string => (0x1000 + randomInt(0xefff)).toString(16);
  const pemBody = Buffer.from(pem.repeat(8)).toString('base64');
  return [
    whole('an e-mail address', `${word()}@mail.example.test`),
    whole('an IPv4 address', `93.${randomInt(100, 256)}.${randomInt(100, 256)}.${randomInt(100, 256)}`),
    whole('an IPv6 address', `2001:db8:${Array.from({ length: 6 }, group).join(':')}`),
    whole('an IBAN', iban()),
    whole('a card', card()),
    { what: 'a card with spaces', text: grouped(spaced, ' '), secret: grouped(spaced, ' ') },
    { what: 'a card with dashes', text: grouped(dashed, '-'), secret: grouped(dashed, '-') },
    whole('a citizen number', bsn()),
    whole('a phone number', `+316${digits(8)}`),
    whole('a JSON Web Token', jwt()),
    whole('a key of AWS', awsKey()),
    {
      what: 'a private key',
      text: `-----BEGIN PRIVATE KEY-----\n${pemBody}\n-----END PRIVATE KEY-----`,
      secret: pemBody,
    },
    { what: 'a password in a URL', text: `postgres://app:${password}@db/agentos`, secret: password },
    { what: 'a token in a query', text: `https://x.test/?access_token=${queryToken}`, secret: queryToken },
    { what: 'an authorization', text: `Authorization: Bearer ${bearer}`, secret: bearer },
    { what: 'a password in a sentence', text: `the password: ${userPassword}`, secret: userPassword },
    whole('a card in full-width digits', fullWidth(wide)),
    { what: 'a card with joiners', text: joined(zeroWidth), secret: joined(zeroWidth) },
  ];
}
