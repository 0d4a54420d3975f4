import type { FieldError } from '../platform/errors/app-error';
import type { Actor } from '../platform/security/roles';
import type { Scope } from './access/permissions';
import type { RequestOrigin } from './audit/audit-entry';
import type { ActionCommand } from './catalogue/action-command';
import type { CatalogueEntry } from './catalogue/catalogue-entry';
import type { Claim } from './executions/execution';
import type { ActionOptions } from './options.dto';
import type { FrozenItem } from './preview/preview';
import type { NamedPreview } from './preview/preview-tokens';

/** A request for an action, as it came. Nothing in it has been checked but the actor. */
export interface ActionCall {
  readonly actor: Actor;
  readonly origin: RequestOrigin;
  /** Names and values in turn, as Node gives them raw: doubled headers are still to be seen there. */
  readonly rawHeaders: readonly string[];
  readonly options?: unknown;
  /** What is wrong with the body around action, payload and options. */
  readonly bodyErrors: readonly FieldError[];
  readonly scope: Scope;
  /** By the monotonic clock, in milliseconds. */
  readonly startedAt: number;
}

/** What the caller is sent, byte for byte. */
export interface ActionAnswer {
  readonly status: number;
  /** JSON; as bytes where it was stored before. */
  readonly body: Buffer | string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a stage decided, for `options.explain`. */
export interface StageVerdict {
  readonly stage: string;
  verdict: string;
  rule?: string;
  /** Until it handed on to the next stage, in milliseconds. */
  ms: number;
}

/** One request on its way through the pipeline: each stage adds what it found out. */
export class Run {
  /** By `validate`. */
  entry!: CatalogueEntry;
  command!: ActionCommand<unknown>;
  options!: ActionOptions;
  idempotencyKey: string | null = null;
  fingerprint!: Buffer;
  /** The preview that `options.preview_token` names. */
  preview?: NamedPreview;
  /** By `authorise`. */
  ownerId?: string;
  /** By `claim`. */
  claim?: Claim;
  /** By `dispatch`: what was frozen by the preview. */
  selection?: readonly FrozenItem[];
  /** What is kept with the execution: what the handler returned, or a preview's selection. */
  result?: unknown;
  /** The code of the error that it was answered with. */
  errorCode?: string;
  /** The execution that this request is answered from, which has ended without an answer. */
  endedId?: string;
  /** The answer that has been recorded already, with its effect or its handover. */
  settled?: ActionAnswer;
  /** Set by `dispatch`, once the effect is committed: resolves when everybody has been told. Never rejects. */
  announced?: Promise<void>;
  /** Set by `dispatch`: the handler has begun, and what it does is not in one transaction with the record. */
  mayHaveActed = false;
  /** A handler, or the record of what it came to, that goes on behind the answer. */
  late?: Promise<unknown>;
  /** Ends the handler's work when time is up or the claim is lost. */
  readonly abort = new AbortController();
  /** Headers of the answer, whatever it will be. */
  readonly headers: Record<string, string> = {};
  readonly verdicts: StageVerdict[] = [];
  /** Set by `dispatch`, when its work has ended well: what goes wrong after it is not its refusal. */
  dispatched = false;
  /** When the stage that is at work began, by the monotonic clock. */
  stageStartedAt = 0;

  constructor(
    readonly executionId: string,
    readonly action: unknown,
    readonly payload: unknown,
    readonly call: ActionCall,
  ) {}

  get actor(): Actor {
    return this.call.actor;
  }

  get kind(): 'act' | 'preview' {
    return this.options.dry_run ? 'preview' : 'act';
  }

  /** The execution that answers: another one, if this request took that over or is answered from it. */
  get answeringId(): string {
    return this.claim?.executionId ?? this.endedId ?? this.executionId;
  }

  /** A stage is at work from now on. */
  begin(stage: string): void {
    this.verdicts.push({ stage, verdict: 'passed', ms: 0 });
    this.stageStartedAt = performance.now();
  }

  /** Says what the stage that is at work decided, and by which rule. */
  note(verdict: string, rule?: string): void {
    const current = this.verdicts.at(-1);
    if (!current) return;
    current.verdict = verdict;
    current.rule = rule;
  }

  /** The run came to an error: the stage at work refused it, unless it said otherwise or had done its part. */
  refuse(): void {
    const current = this.verdicts.at(-1);
    if (current?.verdict === 'passed' && !this.dispatched) current.verdict = 'refused';
  }

  /** What the stages decided up to now; the one at work is counted until now. */
  explanation(): StageVerdict[] {
    const current = this.verdicts.at(-1);
    if (current) current.ms = Math.round((performance.now() - this.stageStartedAt) * 1000) / 1000;
    return this.verdicts;
  }

  /** Whether this run goes on in the background. */
  get isOperation(): boolean {
    return this.entry.mode === 'operation' && this.kind === 'act';
  }
}

/** One step of the pipeline, around all that follow it. */
export interface Stage {
  readonly name: string;
  /** Goes on with `next`, or refuses by throwing an AppError. Notes its verdict before either. */
  handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer>;
}
