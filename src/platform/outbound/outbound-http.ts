import { Inject, Injectable, Logger } from '@nestjs/common';
import { RuntimeSettings } from '../settings/runtime-settings';
import { type GuardedAnswer, type GuardedRequest, guardedPost } from './guarded-request';
import { HostCircuit, type Shown } from './host-circuit';
import { hostRuleOf } from './host-rules';
import { OutboundError } from './outbound-error';

/** After so many calls of a host, half of them failures, it is given a rest. */
const FAILURES_PERCENT = 50;
const LEAST_CALLS = 5;
/** Over which time its calls are counted, in milliseconds. */
const WINDOW_MS = 60_000;
/** Injection token: how long it rests until one call shows whether it is back, in milliseconds. */
export const OUTBOUND_REST_MS = Symbol('OUTBOUND_REST_MS');
/** The most hosts that are remembered; settings allow fewer. */
const MAX_CIRCUITS = 200;

/** A question to another system. */
export interface JsonPost {
  url: string;
  body: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Until the whole answer is there. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** Asks other systems, where settings allow it: see outbound.hosts. */
@Injectable()
export class OutboundHttp {
  private readonly log = new Logger(OutboundHttp.name);
  private readonly circuits = new Map<string, HostCircuit>();

  constructor(
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(OUTBOUND_REST_MS) private readonly restMs: number,
  ) {}

  /**
   * Posts JSON and reads the JSON that is answered.
   *
   * @throws OutboundError saying why there is no answer that could be used; what `signal` was aborted with
   */
  async postJson({ url, body, headers, timeoutMs, signal }: JsonPost): Promise<unknown> {
    const { outbound } = this.settings.current();
    const allowed = hostRuleOf(outbound, url);
    if ('refusal' in allowed) throw new OutboundError('refused', allowed.refusal);
    const timeout = AbortSignal.timeout(timeoutMs);
    const request: GuardedRequest = {
      url: allowed.url,
      networks: allowed.rule.networks,
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      maxBytes: outbound.max_response_bytes,
      signal: AbortSignal.any([signal, timeout]),
    };
    const answer = await this.send(request, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw timeout.aborted ? late(timeoutMs, error) : reasonOf(error);
    });
    return jsonOf(answer);
  }

  /** @param caller aborted when whoever asked stops waiting; the request's own signal also ends one that takes too long */
  private async send(request: GuardedRequest, caller: AbortSignal): Promise<GuardedAnswer> {
    const answer = await this.circuitOf(request.url.origin).run(
      () => postOrFail(request),
      (error) => shownBy(error, caller),
    );
    if (answer.status >= 300 && answer.status < 400)
      throw new OutboundError(
        'refused',
        `It answers with a redirect (${answer.status}), which is not followed.`,
      );
    if (answer.status >= 400)
      throw new OutboundError('refused', `It answers that the request is wrong (${answer.status}).`);
    return answer;
  }

  /** Each host has a circuit of its own, in each process: a worker that cannot reach it says nothing of the others. */
  private circuitOf(origin: string): HostCircuit {
    const known = this.circuits.get(origin);
    if (known) return known;
    const circuit = new HostCircuit(
      {
        leastCalls: LEAST_CALLS,
        failuresPercent: FAILURES_PERCENT,
        windowMs: WINDOW_MS,
        restMs: this.restMs,
      },
      (open) => {
        if (open) this.log.warn(`${origin} has failed too often and is not called for a while`);
        else this.log.log(`${origin} answers again`);
      },
    );
    const [oldest] = this.circuits.keys();
    if (oldest !== undefined && this.circuits.size >= MAX_CIRCUITS) this.circuits.delete(oldest);
    this.circuits.set(origin, circuit);
    return circuit;
  }
}

/** Answers that say "later" are failures; all others show that it is there. */
async function postOrFail(request: GuardedRequest): Promise<GuardedAnswer> {
  const answer = await guardedPost(request);
  if (answer.status >= 500 || answer.status === 429 || answer.status === 408)
    throw new OutboundError('unavailable', `It answers that it cannot do it now (${answer.status}).`);
  return answer;
}

/** What it answered to one request, or who stopped waiting, says nothing against it. */
function shownBy(error: unknown, caller: AbortSignal): Shown {
  if (error instanceof OutboundError) return error.kind === 'answer' ? 'answers' : 'fails';
  return caller.aborted || isForbidden(error) ? 'nothing' : 'fails';
}

function jsonOf({ headers, body }: GuardedAnswer): unknown {
  const encoding = headers['content-encoding'] ?? 'identity';
  // A few bytes could become gigabytes; and nobody has asked for it.
  if (encoding !== 'identity') throw new OutboundError('answer', 'The answer is compressed.');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch (cause) {
    throw new OutboundError('answer', 'The answer is no JSON.', { cause });
  }
}

function late(timeoutMs: number, cause: unknown): OutboundError {
  return new OutboundError('unavailable', `It did not answer within ${timeoutMs / 1_000} s.`, { cause });
}

function reasonOf(cause: unknown): OutboundError {
  if (cause instanceof OutboundError) return cause;
  if (isForbidden(cause))
    return new OutboundError('refused', 'Its name stands for an address that may not be connected to.', {
      cause,
    });
  const { code } = cause as NodeJS.ErrnoException;
  return new OutboundError('unavailable', `It cannot be reached${code ? ` (${code})` : ''}.`, { cause });
}

/** Whether no connection was made, because of where it would have led; the library has no code for it. */
function isForbidden(error: unknown): boolean {
  return error instanceof Error && /is not allowed\. Because/.test(error.message);
}
