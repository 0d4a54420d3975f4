import type { RuntimeErrorCode, RuntimeRole, ScaleScope } from '../../runtime-driver';

/**
 * What a client of the launcher's control socket sends: one JSON object a line. Several requests may be
 * under way on one connection; answers carry the request's id and may come in any order.
 */
export type ControlRequest = { id: number } & ControlCall;

/** What the launcher is asked to do with its processes. */
export type ControlCall =
  | { method: 'list' }
  | { method: 'start' | 'stop' | 'restart' | 'kill'; name: string }
  | { method: 'scale'; role: RuntimeRole; replicas: number; scope: ScaleScope }
  | { method: 'addWorker'; pool: string; name: string }
  | { method: 'logs'; name: string; limit: number };

/** The answer to one request, one JSON object a line. */
export type ControlAnswer =
  | { id: number; ok: true; result: unknown }
  | { id: number; ok: false; error: { code: RuntimeErrorCode; message: string } };

/** The longest request that the launcher reads, in characters. */
export const MAX_REQUEST_LENGTH = 64 * 1024;
