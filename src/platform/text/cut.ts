/**
 * The first characters of a text from outside. A surrogate pair is one, and is never halved: Postgres takes no half in
 * JSON, nor does a reader.
 */
export function beginning(text: string, most: number): string {
  if (text.length <= most) return text;
  return [...text.slice(0, 2 * most)].slice(0, most).join('');
}

/** The last characters of a text from outside, with the same care as {@link beginning}. */
export function ending(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = [...text.slice(text.length - Math.min(text.length, 2 * most))];
  return characters.slice(Math.max(0, characters.length - most)).join('');
}
