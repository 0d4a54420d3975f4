/** What a reader does not see: format characters, joiners, variation selectors. */
const INVISIBLE = /[\p{Cf}\p{Variation_Selector}]|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u3164/gu;
/** Letters of other scripts that look like Latin ones. */
const LOOKALIKES: Record<string, string> = Object.fromEntries(
  [
    [
      '\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb',
      'aeopcyxijsdqwh',
    ],
    [
      '\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405\u0406\u0408',
      'ABEKMHOPCTXSIJ',
    ],
    ['\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c5\u03c4\u03b5', 'aopvikyte'],
    [
      '\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7',
      'ABEZHIKMNOPTYX',
    ],
    ['\u0131\u0261\u217c\u217e', 'igld'],
  ].flatMap(([strange = '', latin = '']) =>
    [...strange].map((letter, index) => [letter, latin[index] ?? letter]),
  ),
);
const LOOKALIKE = new RegExp(`[${Object.keys(LOOKALIKES).join('')}]`, 'g');

/** What a reader takes for a hyphen: dashes, and the minus sign. */
const DASH = /[\p{Pd}\u2212]/gu;

/** The text as a reader takes it: full-width forms as usual ones (NFKC), hyphens for dashes, nothing invisible. */
export function visible(text: string): string {
  return text.normalize('NFKC').replace(INVISIBLE, '').replace(DASH, '-');
}

/** The same for a name: letters that only look Latin are Latin. */
export function undisguised(name: string): string {
  return visible(name).replace(LOOKALIKE, (letter) => LOOKALIKES[letter] ?? letter);
}
