/** Something that must not be. */
export interface Violation {
  /** Which rule was broken, in a few words. */
  rule: string;
  /** The order that it happened to; null if it concerns the whole. */
  key: string | null;
  detail: string;
}
