import { eventually } from '../../support/eventually';

/** How long a query is tried again while Postgres is away, in milliseconds. */
const WITHIN_MS = 60_000;

/** Runs SQL and returns its rows. */
export type Query = <T = Record<string, unknown>>(sql: string, params?: unknown[]) => Promise<T[]>;

/** Whether a query did not fail by itself: what it ran on went away. */
function wentAway(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return /^(?:57P|08|ECONN)/.test(code ?? '') || /Connection terminated|timeout exceeded/.test(message ?? '');
}

/** Runs `work` again while the server that it needs is away. @throws whatever else it throws, at once */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const outcome = await eventually(
    () =>
      work().then(
        (value) => ({ value }),
        (error: unknown) => {
          if (wentAway(error)) throw error;
          return { error };
        },
      ),
    { timeoutMs: WITHIN_MS, intervalMs: 100 },
  );
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
