import ipaddr from 'ipaddr.js';

/** Kinds of personal data that are recognised by their form. */
export type PersonalKind = 'email' | 'ip' | 'phone' | 'iban' | 'card' | 'bsn';

/** Ids and times look like card or phone numbers in places; they are cut out first and kept as they are. */
const HARMLESS =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?/gi;

const SECRETS: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z ]{3,40}-----[\s\S]{0,20000}?(?:-----END [A-Z ]{3,40}-----|$)/g, ''],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, ''],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, ''],
  [/\b(Bearer|Basic)\s+[\w.~+/-]{8,}=*/gi, '$1 '],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/:@]{0,200}:[^\s/@]{1,200}@/gi, '$1'],
  [/([?&](?:access_token|token|api_?key|password|secret|signature|auth)=)[^&\s#]{1,4000}/gi, '$1'],
];

const EMAIL = /[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b/g;
const DIGIT_GROUP = /(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])/g;
const NINE_DIGITS = /(?<![\w.:-])\d{9}(?![\w.:-])/g;
const PHONE =
  /(?<![\w.])(?:\+|00)[1-9]\d{0,2}[ .()-]{0,2}\d(?:[ .()-]{0,2}\d){6,12}(?!\w)|(?<![\w.])0[1-9][ -]?\d{8}(?!\w)/g;
const IPV4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])/g;
const IPV6 = /(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi;

/**
 * Replaces secrets in a text by `mask`, and personal data by what `replace` makes of it. Linear in the
 * length of the text: each quantifier is bounded.
 */
export function scrubText(
  text: string,
  mask: string,
  replace: (kind: PersonalKind, found: string) => string,
): string {
  let plain = text.normalize('NFKC') === text ? text : withoutDisguise(text);
  for (const [pattern, kept] of SECRETS) plain = plain.replace(pattern, `${kept}${mask}`);
  const parts: string[] = [];
  let from = 0;
  for (const harmless of plain.matchAll(HARMLESS)) {
    parts.push(personal(plain.slice(from, harmless.index), replace), harmless[0]);
    from = harmless.index + harmless[0].length;
  }
  parts.push(personal(plain.slice(from), replace));
  return parts.join('');
}

function personal(text: string, replace: (kind: PersonalKind, found: string) => string): string {
  if (text.length < 5) return text;
  return text
    .replace(EMAIL, (found) => replace('email', found))
    .replace(IBAN, (found) => (isIban(found) ? replace('iban', found) : found))
    .replace(DIGIT_GROUP, (found) => (isCard(found) ? replace('card', found) : found))
    .replace(IPV4, (found) => (ipaddr.IPv4.isValidFourPartDecimal(found) ? replace('ip', found) : found))
    .replace(IPV6, (found) => (found.length > 3 && ipaddr.IPv6.isValid(found) ? replace('ip', found) : found))
    .replace(PHONE, (found) => replace('phone', found))
    .replace(NINE_DIGITS, (found) => (isBsn(found) ? replace('bsn', found) : found));
}

/** Full-width letters and invisible characters hide a pattern from a regular expression, not from a reader. */
function withoutDisguise(text: string): string {
  return text.normalize('NFKC').replace(/[\u200b-\u200f\u2060\ufeff]/g, '');
}

function isCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits);
}

function isIban(text: string): boolean {
  const compact = text.replace(/ /g, '');
  if (compact.length < 15 || compact.length > 34) return false;
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
  let sum = 0;
  for (let i = 0; i < 9; i++) sum += Number(text[i]) * (i === 8 ? -1 : 9 - i);
  return sum % 11 === 0 && text !== '000000000';
}
