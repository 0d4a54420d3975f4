import { word } from './secrets';

interface Canary {
  readonly place: string;
  /** In each of these it could be found again. */
  readonly forms: readonly RegExp[];
  /** Where it belongs. */
  readonly home: RegExp | undefined;
}

/** Secrets that were planted, to look for them where they must not be. */
export class Canaries {
  private readonly planted: Canary[] = [];

  /**
   * Remembers a secret, by default a new word, by the place that it is planted in.
   *
   * @param home the stores that it may be found in
   */
  plant(place: string, secret = word(), home?: RegExp): string {
    this.planted.push({ place, forms: formsOf(secret), home });
    return secret;
  }

  /** How many were planted. */
  get size(): number {
    return this.planted.length;
  }

  /** Which secrets were found in which stores, with what stands around them. */
  leaks(stores: ReadonlyMap<string, string>): string[] {
    return this.planted.flatMap(({ place, forms, home }) =>
      [...stores].flatMap(([store, text]) => {
        if (home?.test(store)) return [];
        const found = forms.map((form) => form.exec(text)).find((match) => match !== null);
        if (!found) return [];
        const around = text.slice(Math.max(0, found.index - 120), found.index + 60);
        return [`${place} in ${store}: ${around}`];
      }),
    );
  }

  /** The places whose secret was found in none of the stores: of those that belong there, none may be missing. */
  missing(stores: ReadonlyMap<string, string>): string[] {
    return this.planted
      .filter(({ home }) => home !== undefined)
      .filter(
        ({ forms, home }) =>
          ![...stores].some(([store, text]) => home?.test(store) && forms.some((form) => form.test(text))),
      )
      .map(({ place }) => place);
  }
}

/** As it was sent, as others would write it, and as bytes. A number that is a part of a longer one is another one. */
function formsOf(secret: string): RegExp[] {
  const plain = secret.normalize('NFKC').replace(/\p{Cf}/gu, '');
  const bare = plain.replace(/[ -]/g, '');
  const texts = new Set([
    secret,
    plain,
    ...(/^\d+$/.test(bare) ? [bare] : []),
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('hex'),
    ...(secret.length >= 16 ? base64Of(secret) : []),
  ]);
  return [...texts].map((text) => {
    const quoted = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return new RegExp(/^[\d.: -]+$/.test(text) ? `(?<![\\w.-])${quoted}(?![\\w-])` : quoted);
  });
}

/** What is the same of it in base64 wherever it begins. */
function base64Of(secret: string): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.from('x'.repeat(offset) + secret).toString('base64');
    return text.slice(offset === 0 ? 0 : offset + 1, -4);
  });
}
