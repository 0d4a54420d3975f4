/** How something fares. `warning`: it works, and somebody should look. */
export type HealthStatus = 'ok' | 'warning' | 'failing';

/** What a check found. */
export interface Finding {
  readonly status: HealthStatus;
  /** A sentence. */
  readonly message: string;
  /** What to do about it; null if nothing. */
  readonly advice: string | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Looks at one thing. Throws if it cannot even look. */
export interface Check {
  readonly name: string;
  /** What to do if it throws or takes too long. */
  readonly adviceOnFailure: string;
  /** Longer than this means that it does not work, in milliseconds; two seconds if not said otherwise. */
  readonly deadlineMs?: number;
  run(): Promise<Finding>;
}

/** All is well. */
export function ok(message: string, detail?: Finding['detail']): Finding {
  return { status: 'ok', message, advice: null, detail };
}

/** It works, and somebody should look. */
export function warning(message: string, advice: string, detail?: Finding['detail']): Finding {
  return { status: 'warning', message, advice, detail };
}

/** It does not work. */
export function failing(message: string, advice: string, detail?: Finding['detail']): Finding {
  return { status: 'failing', message, advice, detail };
}
