/** Longest name that is kept, in UTF-8 bytes: file systems stop at 255, and a suffix must still fit. */
const MAX_BYTES = 200;

// Zero-width joiner and non-joiner (U+200C, U+200D) stay: emoji and several scripts need them.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu;
const RESERVED_ON_WINDOWS = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * The name of an uploaded file as it may be shown and offered for saving: no folders, no control or
 * direction-changing characters, NFC, at most 200 UTF-8 bytes, never empty. It is never used as a path:
 * stored files have generated names.
 */
export function displayFilename(raw: string): string {
  const base = raw.normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const printable = base
    .replace(UNPRINTABLE, '')
    .replace(/\s+/gu, ' ')
    // What would be a hidden file or an option when somebody saves it and works with it in a shell.
    .replace(/^[.\-\s]+/u, '')
    .replace(/(?<![.\s])[.\s]+$/u, '');
  const safe = RESERVED_ON_WINDOWS.test(printable) ? `_${printable}` : printable;
  return shorten(safe) || 'unnamed';
}

/** Cuts the stem, by whole characters, so that the extension survives. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : '';
  const room = MAX_BYTES - Buffer.byteLength(extension);
  let stem = '';
  let used = 0;
  for (const character of name.slice(0, name.length - extension.length)) {
    used += Buffer.byteLength(character);
    if (used > room) break;
    stem += character;
  }
  return stem + extension;
}
