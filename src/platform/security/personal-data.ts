import ipaddr from 'ipaddr.js';

/** Kinds of personal data that are recognised by their form. */
export type PersonalKind = 'email' | 'ip' | 'phone' | 'iban' | 'card' | 'bsn';

/** What stands in place of something personal. */
export type Replace = (kind: PersonalKind, found: string) => string;

/** Ids and times look like card or phone numbers in places; they are cut out first and kept as they are. */
const HARMLESS =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?/gi;

const EMAIL = /[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu;
const IBAN_HEAD = /(?<![a-z0-9])([a-z]{2})\d{2}/gi;
/** The number of characters by country, of the ISO 13616 registry. */
const IBAN_LENGTHS = new Map(
  Object.entries({
    15: 'NO',
    16: 'BE',
    18: 'DK FO FI GL NL SD',
    19: 'MK SI',
    20: 'AT BA EE KZ XK LT LU MN',
    21: 'CH CR HR LI LV',
    22: 'BG BH DE GB GE IE ME RS VA',
    23: 'AE GI IL IQ OM SO TL',
    24: 'AD CZ ES MD PK RO SA SE SK TN VG',
    25: 'LY PT ST',
    26: 'IS TR',
    27: 'BI DJ FR GR IT MC MR SM',
    28: 'AL AZ BY CY DO GT HU LB NI PL SV',
    29: 'BR EG PS QA UA',
    30: 'JO KW MU',
    31: 'MT SC',
    32: 'LC',
    33: 'RU',
  }).flatMap(([length, countries]) => countries.split(' ').map((code) => [code, Number(length)] as const)),
);
/** 13 to 19 digits in a row, or with the same mark between them; the networks' numbers begin with 2 to 6. */
const CARD =
  /(?<![\w.])[2-6]\d{3}(?:[ -]?\d){9,15}(?!\w|\.\d)|(?<![\w.])[2-6]\d{3}(?:\.\d{4}){3}(?!\w|\.\d)/g;
const BSN = /(?<![\w.:-])(?:\d{9}|\d{3}\.\d{3}\.\d{3}|\d{4}\.\d{2}\.\d{3})(?![\w:-]|\.\d)/g;
const PHONE = new RegExp(
  [
    String.raw`(?<![\w.])\+[1-9]\d{0,2}[ .()-]{0,2}\d(?:[ .()-]{0,2}\d){6,12}(?!\w)`,
    String.raw`(?<![\w.])00[1-9]\d{0,2}[ .()-]{0,2}\d(?:[ .()-]{0,2}\d){8,12}(?!\w)`,
    // The Netherlands: mobile, and area codes of two and three digits after the 0.
    String.raw`(?<![\w.])06(?:[ -]?\d){8}(?![\w:])`,
    String.raw`(?<![\w.])\(?0[1-9]\d\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}(?![\w:])`,
    String.raw`(?<![\w.])\(?0[1-9]\d{2}\)?[ -]?\d{2}[ -]?\d{2}[ -]?\d{2}(?![\w:])`,
  ].join('|'),
  'g',
);
const IPV4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)/g;
const IPV6 = /(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi;

/** Replaces personal data in a text. Linear in its length: each quantifier is bounded. */
export function replacePersonal(text: string, replace: Replace): string {
  const parts: string[] = [];
  let from = 0;
  for (const harmless of text.matchAll(HARMLESS)) {
    parts.push(replaceIn(text.slice(from, harmless.index), replace), harmless[0]);
    from = harmless.index + harmless[0].length;
  }
  parts.push(replaceIn(text.slice(from), replace));
  return parts.join('');
}

function replaceIn(text: string, replace: Replace): string {
  if (text.length < 5) return text;
  return replaceIbans(
    text.replace(EMAIL, (found) => replace('email', found)),
    replace,
  )
    .replace(CARD, (found) => {
      const card = cardAtStart(found);
      return card === undefined ? found : replace('card', card) + found.slice(card.length);
    })
    .replace(IPV4, (found) => (ipaddr.IPv4.isValidFourPartDecimal(found) ? replace('ip', found) : found))
    .replace(IPV6, (found) => (found.length > 3 && ipaddr.IPv6.isValid(found) ? replace('ip', found) : found))
    .replace(PHONE, (found) => replace('phone', found))
    .replace(BSN, (found) => (isBsn(found) ? replace('bsn', found) : found));
}

/** Whether a number is one of a payment card, by its length, network and check digit (Luhn). */
export function isCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  if (!/^(?:4(?:\d{12}|\d{15}|\d{18})|5\d{15}|[26]\d{15,18}|3\d{13,18})$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits);
}

/** A card's number, also where other digits follow it, such as those of its back. */
function cardAtStart(text: string): string | undefined {
  for (let end = text.length; end >= 13; end--) {
    const part = text.slice(0, end);
    if (!/\d$/.test(part) || /^\d/.test(text.slice(end))) continue;
    if (isCard(part)) return part;
  }
  return undefined;
}

function replaceIbans(text: string, replace: Replace): string {
  const parts: string[] = [];
  let from = 0;
  for (const head of text.matchAll(IBAN_HEAD)) {
    const length = IBAN_LENGTHS.get((head[1] ?? '').toUpperCase());
    if (head.index < from || length === undefined) continue;
    const found = new RegExp(`(?:[a-z0-9][ .-]?){${length - 1}}[a-z0-9](?![a-z0-9])`, 'iy');
    found.lastIndex = head.index;
    const iban = found.exec(text)?.[0];
    if (iban === undefined || !isIban(iban)) continue;
    parts.push(text.slice(from, head.index), replace('iban', iban));
    from = head.index + iban.length;
  }
  return parts.join('') + text.slice(from);
}

function isIban(text: string): boolean {
  const compact = text.replace(/[ .-]/g, '').toUpperCase();
  const rearranged = compact.slice(4) + compact.slice(0, 4);
  let remainder = 0;
  for (const character of rearranged) {
    const value = parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

/** The eleven-test of Dutch citizen numbers. */
function isBsn(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  let sum = 0;
  for (let i = 0; i < 9; i++) sum += Number(digits[i]) * (i === 8 ? -1 : 9 - i);
  return sum % 11 === 0 && digits !== '000000000';
}
