/** One target, as it was when it was previewed. */
export interface FrozenItem {
  readonly id: string;
  /** What must not have changed since; a status or a version. */
  readonly state: string;
}

/** What an action does to one target. */
export interface PreviewEffect {
  readonly target: string;
  readonly effect: string;
}

/** What an action would do. */
export interface Preview {
  /** Everything that it would touch. */
  readonly selection: readonly FrozenItem[];
  /** A few of the effects, in words. */
  readonly effects: readonly PreviewEffect[];
  /** What the operator should think about first. */
  readonly warnings: readonly string[];
}

/** How many ids and effects a preview's answer shows at most; count and digest are over all. */
export const PREVIEW_SAMPLE = 100;
