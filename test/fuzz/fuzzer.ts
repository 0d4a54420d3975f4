import * as fc from 'fast-check';
import { PROBLEM_TYPE } from '../../src/platform/http/accept';
import { Arbitraries } from './arbitraries';
import { Checks } from './checks';
import { type ApiDocument, type Operation, operationsOf } from './document';
import { RawClient, type RawAnswer } from './http';
import {
  curlOf,
  type FuzzRequest,
  payloadOf,
  type RequestMutation,
  requestMutations,
  urlOf,
  validRequests,
} from './requests';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Ids of one name that are remembered. */
const MOST_IDS = 20;
/** A rule of the options is broken at every action of so many. */
const TURNS = 6;

/** How a request is sent. */
export interface Sending {
  /** Of whoever sends it; nobody if not given. */
  token?: string;
  /** Asks for errors in the form of RFC 9457. */
  problem?: boolean;
}

/** What came of a request, with everything that is wrong about it. */
export interface Finding {
  readonly answer: RawAnswer;
  readonly faults: readonly string[];
  /** Repeats it. */
  readonly curl: string;
}

/**
 * Asks an API what its document says it takes, and what it says it does not, and compares the answers with the
 * document. Ids that answers mention are used in later requests, so that these do not only meet what does not exist.
 */
export class Fuzzer {
  readonly operations: readonly Operation[];
  private readonly ids = new Map<string, string[]>();
  private readonly checks: Checks;
  private readonly values: Arbitraries;
  private readonly client: RawClient;

  constructor(
    readonly document: ApiDocument,
    baseUrl: string,
    /** Everything that is made up follows from it. */
    readonly seed: number,
  ) {
    this.operations = operationsOf(document);
    this.checks = new Checks(document);
    this.values = new Arbitraries(document, this.ids);
    this.client = new RawClient(baseUrl);
  }

  /** `count` requests that the document allows. */
  valid(operation: Operation, count: number): FuzzRequest[] {
    return fc.sample(validRequests(this.document, this.values, operation), {
      seed: this.seed,
      numRuns: count,
    });
  }

  /**
   * Requests with one thing wrong each: every rule is broken in `rounds` valid requests. Those of an action's options,
   * which are the same for all actions, are broken at some actions in turn if one round is asked for.
   */
  broken(operation: Operation, rounds: number): FuzzRequest[] {
    const all = requestMutations(this.document, operation);
    const mutations = rounds > 1 ? all : this.inTurn(operation, all);
    const valid = this.valid(operation, mutations.length * rounds);
    return valid.flatMap((request, i) => mutations[i % mutations.length]?.apply(request) ?? []);
  }

  private inTurn(operation: Operation, mutations: readonly RequestMutation[]): RequestMutation[] {
    if (!operation.action) return [...mutations];
    const turn = this.operations.indexOf(operation);
    const shared = mutations.filter(({ label }) => label.startsWith('options'));
    return mutations.filter((one) => {
      const place = shared.indexOf(one);
      return place < 0 || (place + turn) % TURNS === 0;
    });
  }

  /** Sends a request and checks the answer, whatever it is. */
  async send(request: FuzzRequest, { token, problem = false }: Sending = {}): Promise<Finding> {
    const { operation } = request;
    const body = payloadOf(request);
    const headers = {
      ...request.headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(problem ? { accept: PROBLEM_TYPE } : {}),
      ...(body === undefined || !operation.body ? {} : { 'content-type': operation.body.type }),
    };
    const path = urlOf(request);
    const answer = await this.client.send({ method: operation.method, path, headers, body });
    this.remember(answer.text);
    return {
      answer,
      faults: this.checks.faults(operation, answer, `${path} ${body ?? ''}`),
      curl: curlOf(request, this.client.baseUrl, headers),
    };
  }

  /** Sends anything at all. */
  raw(method: string, path: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
    return this.client.send({ method, path, headers });
  }

  close(): void {
    this.client.close();
  }

  /** Uses these ids from now on wherever one of that name is wanted. */
  know(name: string, ...ids: string[]): void {
    const known = this.ids.get(name) ?? [];
    this.ids.set(name, [...new Set([...known, ...ids])].slice(-MOST_IDS));
  }

  /** Takes note of the ids in an answer, by the names of their fields. */
  private remember(text: string): void {
    for (const [, name = '', id = ''] of text.matchAll(/"(\w+_id)":"([^"]{36})"/g))
      if (UUID.test(id)) this.know(name, id);
  }
}

/** Collects what went wrong, to be shown at once. */
export class Faults {
  private readonly found: string[] = [];

  add(request: FuzzRequest, finding: Finding, ...faults: string[]): void {
    const all = [...finding.faults, ...faults];
    if (all.length === 0) return;
    const what = request.broken === undefined ? 'a valid request' : request.broken;
    this.found.push(`${request.operation.name} (${what})\n  ${all.join('\n  ')}\n  ${finding.curl}`);
  }

  note(fault: string): void {
    this.found.push(fault);
  }

  /** @throws Error with the first of them and their number */
  check(seed: number): void {
    if (this.found.length === 0) return;
    throw new Error(
      `${this.found.length} faults (repeat with FUZZ_SEED=${seed}):\n\n${this.found.slice(0, 12).join('\n\n')}`,
    );
  }
}
