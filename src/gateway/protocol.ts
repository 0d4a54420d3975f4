/**
 * The gateway's frames, one JSON object each. Imported by server and client alike, so it imports nothing.
 * docs/asyncapi.yaml describes the same.
 */

/** A place in a topic. Offsets of different epochs cannot be compared. */
export interface Position {
  offset: number;
  epoch: string;
}

/** Which lines of the log are sent: those that fit all that is given. */
export interface LogFilter {
  /** Of this level and of those above it. */
  level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  source?: string;
  /** With this text in event or message, in capitals or not. */
  q?: string;
}

/**
 * What a client sends. The first frame is `auth`, with an access token or a ticket for one sign-in; a later one renews
 * the token in the open connection. Only the topic `logs` takes a filter; its numbers rise by more than 1 then.
 */
export type ClientFrame =
  | { type: 'auth'; token: string }
  | { type: 'auth'; ticket: string }
  | { type: 'subscribe'; topic: string; since?: Position; filter?: LogFilter }
  | { type: 'unsubscribe'; topic: string }
  | { type: 'ping' };

/** The client is signed in. `expires_at`: when the connection ends unless `auth` is sent again before. */
export interface ReadyFrame {
  type: 'ready';
  /** The connection's id, as the server's log has it. */
  session: string;
  role: string;
  expires_at: string;
}

/**
 * Events of the topic follow, the next one is `offset` + 1. `recovered`: it goes on exactly where `since` was;
 * if not, the client has to take a snapshot of what it follows. It can come again, unasked, with
 * `recovered: false` when the history was lost.
 */
export interface SubscribedFrame extends Position {
  type: 'subscribed';
  topic: string;
  recovered: boolean;
}

/** One event. Offsets of a topic rise by 1, unless a filter leaves some out. */
export interface EventFrame {
  type: 'event';
  topic: string;
  offset: number;
  data: unknown;
}

/**
 * The state of a topic that stands for a document, as it was at `offset`; the next event's patch leads on from it. It
 * follows a `subscribed` that is not recovered, unless there is no state yet: then the next event makes all of it.
 */
export interface SnapshotFrame extends Position {
  type: 'snapshot';
  topic: string;
  /** Of `data`: SHA-256 of its canonical form (RFC 8785), in hexadecimal. */
  hash: string;
  data: unknown;
}

/** One operation of a JSON Patch (RFC 6902). */
export type PatchOperation =
  { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

/** What each event of a topic with a state has in its data. */
export interface StateChange {
  /** From the state before to the state after; the path '' stands for all of it. */
  patch: readonly PatchOperation[];
  /** Of the state after, as in {@link SnapshotFrame}. */
  hash: string;
}

/** A request was refused; the connection goes on. Codes are those of the HTTP API. */
export interface ErrorFrame {
  type: 'error';
  code: string;
  message: string;
  topic?: string;
}

/** What the server sends. */
export type ServerFrame =
  | ReadyFrame
  | SubscribedFrame
  | SnapshotFrame
  | EventFrame
  | ErrorFrame
  | { type: 'unsubscribed'; topic: string }
  | { type: 'pong' };

/** Why the server closes a connection. */
export const CLOSE = {
  /** The client broke the rules: too many or malformed frames. Do not come back like this. */
  policy: 1008,
  /** A frame over 64 KB. */
  tooBig: 1009,
  /** Who the client is, or what it may, cannot be found out at the moment: come back later (RFC 6455 registry). */
  tryLater: 1013,
  /** The process stops: come back at once, to another one, and resume. */
  goingAway: 3001,
  /** The client does not read what it subscribed to: come back and resume. */
  slow: 3008,
  /** No `auth` within 5 s, the token or the ticket are not good or have expired, or the session has ended: come back with another token. */
  unauthenticated: 4401,
  /** The role does not allow any more what is subscribed. */
  forbidden: 4403,
} as const;
