import { type Replace, replacePersonal } from './personal-data';
import { isSecretKey } from './secret-keys';
import { visible } from './undisguised';

/** Secrets that are known by their form; what the first group holds stays. Each begins where no other can. */
const SECRETS: readonly RegExp[] = [
  // JSON Web Tokens, encrypted ones too.
  /()(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){1,3}/g,
  // Keys that services mark by a prefix: AWS, GitHub, GitLab, Slack, Stripe, Google, npm.
  /()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /()\b(?:gh[opsur]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,64}|xox[abeprs]-[\w-]{10,255}|[rs]k_(?:live|test)_\w{10,255}|AIza[\w-]{35}|npm_\w{36})/g,
  // A word that follows is no token: one has a digit in it, or is long.
  /\b((?:Bearer|Basic)\s{1,10})(?=[\w.~+/-]{0,200}\d|[\w.~+/-]{16})[\w.~+/-]{8,4000}={0,2}/gi,
  // A password in a URL, with marks in it that should have been encoded; a port is none.
  /\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/:@]{0,200}:(?!\d{1,5}(?:[/?#]|$))[^\s]{1,300}@(?=[\w.[-])/gi,
  /\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/:@]{16,200}@(?=[\w.[-])/gi,
];

const PEM_BEGIN = /-----BEGIN [A-Z0-9 ]{3,40}-----/g;
const PEM_END = /-----END [A-Z0-9 ]{3,40}-----/g;

/** The name before a value: `password=`, `"token": `, `--secret `, also within JSON that was quoted again. */
const NAME =
  /(?<![\p{L}\p{N}_])([\p{L}\p{N}_][\p{L}\p{N}_.[\]-]{0,60})(?:[\\"']{0,8}\s{0,3}[:=]\s{0,3}|\s{1,3}(?<=--\S{1,64}\s{1,3}))/gu;
/** The value after it: in quotes, in quotes within quotes, or a word, in which a bracket closes nothing; an authorization names its scheme first. */
const VALUE =
  /"(?:[^"\\]|\\.){0,4000}"?|'(?:[^'\\]|\\.){0,4000}'?|(\\{1,7}["']).{0,4000}?(?:\1|$)|(?:(?:bearer|basic|digest|token|negotiate)\s{1,3})?(?:[^\s,;&"'}\])]|[}\])](?=[^\s,;&"'}\])])){1,4000}/iuy;

/** These headers hold more than one word. */
const HEADER = /(?:authorization|cookie)\W*:/i;
const LINE = /[^\r\n]{1,4000}/uy;

/** Most of what is scrubbed: names, and ids. Nothing of all that is looked for can be in them. */
const PLAIN = /^(?:[a-z_]{0,17}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Replaces secrets in a text by `mask`, and personal data by what `replace` makes of it, in linear time. */
export function scrubText(text: string, mask: string, replace: Replace): string {
  if (PLAIN.test(text)) return text;
  const plain = visible(text);
  const scrubbed = replacePersonal(maskIn(plain, mask), replace);
  // Nothing was found, so the text is kept as it was written.
  return scrubbed === plain ? text : scrubbed;
}

/** Replaces secrets alone. */
export function maskSecrets(text: string, mask: string): string {
  const plain = visible(text);
  const masked = maskIn(plain, mask);
  return masked === plain ? text : masked;
}

/** Whether a text, such as an id that is kept as it is, holds something that {@link maskSecrets} would mask. */
export function holdsSecret(text: string): boolean {
  if (PLAIN.test(text)) return false;
  const plain = visible(text);
  return maskIn(plain, '') !== plain;
}

function maskIn(text: string, mask: string): string {
  const masked = maskAssigned(maskPem(text, mask), mask);
  return SECRETS.reduce((rest, pattern) => rest.replace(pattern, `$1${mask}`), masked);
}

/** Masks from the beginning of each key or certificate to its end, or to the end of the text. */
function maskPem(text: string, mask: string): string {
  PEM_BEGIN.lastIndex = 0;
  const begin = PEM_BEGIN.exec(text);
  if (!begin) return text;
  const parts: string[] = [];
  let from = 0;
  for (let at: RegExpExecArray | null = begin; at; at = PEM_BEGIN.exec(text)) {
    parts.push(text.slice(from, at.index), mask);
    PEM_END.lastIndex = at.index;
    from = PEM_END.exec(text) ? PEM_END.lastIndex : text.length;
    PEM_BEGIN.lastIndex = from;
  }
  return parts.join('') + text.slice(from);
}

/** Masks what is assigned to a name that says it is secret. */
function maskAssigned(text: string, mask: string): string {
  const parts: string[] = [];
  let from = 0;
  NAME.lastIndex = 0;
  for (let name = NAME.exec(text); name; name = NAME.exec(text)) {
    if (!isSecretKey(name[1] ?? '')) continue;
    const value = HEADER.test(name[0]) && !/["'\\]/.test(text[NAME.lastIndex] ?? '') ? LINE : VALUE;
    if (isMasked(text, NAME.lastIndex, mask)) continue;
    value.lastIndex = NAME.lastIndex;
    if (!value.test(text)) continue;
    parts.push(text.slice(from, NAME.lastIndex), mask);
    from = value.lastIndex;
    NAME.lastIndex = from;
  }
  return parts.join('') + text.slice(from);
}

/** Whether the value that begins there was masked before, with nothing behind it: what is scrubbed twice stays the same. */
function isMasked(text: string, at: number, mask: string): boolean {
  if (mask === '') return false;
  const from = /["'\\]/.test(text[at] ?? '') ? at + 1 : at;
  return text.startsWith(mask, from) && /^[\s,;&"'})\\\]]?$/.test(text.slice(from + mask.length)[0] ?? '');
}
