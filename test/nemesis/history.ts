/** What an action changes, as the ledger names it. */
export type EffectKind = 'attempt' | 'cancelled' | 'paused' | 'running' | 'settings' | 'exported';

/** A change that the ledger saw. */
export interface Effect {
  what: EffectKind;
  /** What was changed: a job, a queue, a comment, an execution. */
  target: string;
  /** In milliseconds since the epoch. */
  at: number;
}

/** One thing that a client wants done, once, however often it has to ask. Times in milliseconds since the epoch. */
export interface Order {
  /** Names it; also the idempotency key that it is asked for with, if `keyed`. */
  key: string;
  keyed: boolean;
  client: number;
  action: string;
  payload: object;
  options: object;
  /** What success means: each of these happened, once. */
  effects: Pick<Effect, 'what' | 'target'>[];
  /** `denial`: it must be refused, with one of the codes of `refusals`. */
  kind: 'act' | 'preview' | 'denial';
  /** Error codes that are an honest end. */
  refusals: string[];
  openedAt: number;
  /** When the client had its final answer; null while it has none. */
  closedAt: number | null;
}

/** One request, and what came of it. Times in milliseconds since the epoch. */
export interface Attempt {
  /** Its trace id, by which the audit names it. */
  trace: string;
  key: string;
  /** Which api process was asked. */
  api: number;
  sentAt: number;
  endedAt: number;
  /** Null if no answer came. */
  status: number | null;
  code: string | null;
  replayed: boolean;
  /** Of what is final, byte for byte. */
  body: string | null;
  executionId: string | null;
}

/** Something that the nemesis did. Times in milliseconds since the epoch. */
export interface FaultRecord {
  kind: string;
  detail: string;
  at: number;
  /** When the damage was undone: from then on everything runs again, or starts. */
  undoneAt: number;
}

/** What an attempt means for the client. `again`: nothing is known, so the same is asked for again. */
export type Verdict = 'success' | 'refusal' | 'again';

/** What a client makes of an answer. */
export function verdictOf({
  status,
  code,
  replayed,
}: Pick<Attempt, 'status' | 'code' | 'replayed'>): Verdict {
  if (status === null) return 'again';
  if (status < 300) return 'success';
  if (code === 'IDEMPOTENCY_IN_PROGRESS') return 'again';
  // A refusal that will be answered again and again is final, whatever its status says.
  if (replayed) return 'refusal';
  // 408 is of the connection: a process that was frozen finds its request too late, and nothing was begun.
  return [408, 429, 503, 504].includes(status) ? 'again' : 'refusal';
}

/** What happened from the clients' side and the nemesis', in the order in which it ended. */
export class History {
  readonly orders: Order[] = [];
  readonly attempts: Attempt[] = [];
  readonly faults: FaultRecord[] = [];
}
