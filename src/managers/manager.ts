import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';

/** What one run of a control loop is given. */
export interface ManagerRun {
  /** Raised each time another process takes the lead; a write that must not be late carries it. */
  readonly fence: number;
  /** Aborted when the lead is lost or the process stops: stop at the next safe point, write nothing more. */
  readonly signal: AbortSignal;
}

/** What a run may report; it becomes a metric. */
export interface ManagerReport {
  /** How many things the run dealt with. */
  readonly items?: number;
}

/**
 * A control loop (the product's word: manager). It lives with what it serves, is decorated with
 * `@ControlLoop()` and needs no other registration than being a provider of a module that the manager
 * process imports. One process leads a loop at any time; its runs never overlap. A run that throws is
 * logged and counted, and the loop goes on.
 */
export interface Manager {
  /** Unique over the product, lower case with dashes: `cache-warmer`. */
  readonly name: string;
  /** From the start of one run to the start of the next; a run that takes longer delays the next. */
  readonly intervalMs: number;
  run(context: ManagerRun): Promise<ManagerReport | void>;
}

/** Metadata key under which the host finds the loops. */
export const CONTROL_LOOP = Symbol('agentos:control-loop');

/** Marks an injectable class as a control loop; the host in the manager process finds and runs it. */
export function ControlLoop(): ClassDecorator {
  return applyDecorators(Injectable(), SetMetadata(CONTROL_LOOP, true));
}
