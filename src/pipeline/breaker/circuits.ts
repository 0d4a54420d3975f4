import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { MessageBus } from '../../platform/messages/message-bus';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { DEPENDENCIES, type Dependency } from '../catalogue/action.decorator';
import { circuitState } from '../metrics';
import type { CallResult } from './circuit';
import { CircuitEvents } from './circuit-events';
import { circuitRules } from './circuit-rules';
import { CircuitStore, type Ruled, type SharedCircuit } from './circuit-store';
import { LocalCircuit, type Part } from './local-circuit';
import { ResultBatch } from './result-batch';
import { reasonOf } from '../../platform/errors/unavailable';
import { FailureLog } from '../../platform/telemetry/failure-log';

/** How often each process looks how the shared circuits stand, in milliseconds; a message makes it sooner. */
const LOOK_MS = 250;
/** When to ask again what is forced open, in milliseconds: nobody knows. */
const FORCED_RETRY_MS = 30_000;
const GAUGE = { closed: 0, probing: 1, open: 2 } as const;

/** The permission to call a dependency once. */
export interface Permit {
  readonly id: string;
  readonly dependency: Dependency;
  /** In the shared circuit; undefined while Redis is away. */
  readonly shared?: Part;
  /** In this process' own. */
  readonly own?: Part;
}

/** The answer to who asks for permits. */
export type Admission = { permits: Permit[] } | Refusal;

/** Why a call may not go ahead. */
export interface Refusal {
  readonly refusedBy: Dependency;
  readonly retryInMs: number;
  /** Whether an operator wants it so. */
  readonly forced: boolean;
}

/**
 * Decides whether calls may go ahead, and learns from what they come to. A call of what is well costs no round
 * trip: every process knows how the shared circuits stand, at most {@link LOOK_MS} and usually no time late.
 */
@Injectable()
export class Circuits implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger(Circuits.name);
  private readonly process = randomUUID().slice(0, 8);
  private readonly local = new Map(DEPENDENCIES.map((dependency) => [dependency, new LocalCircuit()]));
  private readonly batch = new ResultBatch((ruled, epoch, counts) =>
    this.learn(ruled, this.store.record(ruled, this.process, epoch, counts)),
  );
  private timer?: NodeJS.Timeout;
  private looking?: Promise<void>;
  private lookAgain = false;
  private readonly reading = new FailureLog(this.log, {
    fails: 'Circuits cannot be read, each process goes alone',
    again: 'Circuits can be read again',
  });

  constructor(
    @Inject(CircuitStore) private readonly store: CircuitStore,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(CircuitEvents) private readonly events: CircuitEvents,
    @Inject(MessageBus) private readonly bus: MessageBus,
  ) {}

  /** Learns how the circuits stand before the first call. */
  async onModuleInit(): Promise<void> {
    for (const dependency of DEPENDENCIES) circuitState.set({ dependency }, GAUGE.closed);
    await this.look();
    this.bus.on('circuit.changed', () => this.look());
    this.settings.onChange(() => void this.look());
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.batch.flush();
  }

  /** Asks for all of these at once. @returns permits for all that are watched, or which one refuses */
  admit(dependencies: readonly Dependency[]): Admission | Promise<Admission> {
    const { forced } = this.settings.current().circuit_breaker;
    const held = dependencies.find((dependency) => forced[dependency] === 'open');
    if (held) return { refusedBy: held, retryInMs: FORCED_RETRY_MS, forced: true };
    const watched = dependencies.filter((dependency) => forced[dependency] !== 'closed').map(this.ruled);
    const now = performance.now();
    const refusal = this.refusalHere(watched, now);
    if (refusal) return refusal;
    const id = randomUUID();
    if (!watched.some(({ dependency }) => this.circuit(dependency).mustAsk(now)))
      return { permits: watched.map((ruled) => this.permit(id, ruled, now)) };
    return this.ask(id, watched);
  }

  /** Tells what a call came to, for each dependency, and how long it took. */
  report(
    permits: readonly Permit[],
    tookMs: number,
    resultFor: (dependency: Dependency) => CallResult,
  ): void {
    const now = performance.now();
    for (const { id, dependency, shared, own } of permits) {
      const ruled = this.ruled(dependency);
      const result = resultFor(dependency);
      const slow = tookMs >= ruled.rules.slow_call_ms;
      const counts = { all: 1, bad: result === 'bad' ? 1 : 0, slow: slow ? 1 : 0 };
      // A dependency that is still slow is not back.
      const verdict = result === 'good' && slow ? 'bad' : result;
      if (own && this.circuit(dependency).ended(id, own, verdict, counts, now, ruled.rules)) {
        this.log.warn(`This process holds back its calls of ${dependency}`);
        circuitState.set({ dependency }, GAUGE.open);
      }
      if (shared?.probe) this.learn(ruled, this.store.settle(ruled, { id, epoch: shared.epoch }, verdict));
      else if (shared && result !== 'none') this.batch.add(ruled, shared.epoch, counts);
    }
  }

  private readonly ruled = (dependency: Dependency): Ruled => ({
    dependency,
    rules: circuitRules(this.settings.current().circuit_breaker, dependency),
  });

  private circuit(dependency: Dependency): LocalCircuit {
    const circuit = this.local.get(dependency);
    if (!circuit) throw new Error(`There is no circuit for ${dependency}`);
    return circuit;
  }

  private refusalHere(watched: readonly Ruled[], now: number): Refusal | undefined {
    for (const { dependency } of watched) {
      const retryInMs = this.circuit(dependency).restMs(now);
      if (retryInMs > 0) return { refusedBy: dependency, retryInMs, forced: false };
    }
    return undefined;
  }

  /** @param given the part in the shared circuit that Redis has given the call; however late, it waits for its result */
  private permit(id: string, { dependency, rules }: Ruled, now: number, given?: Part): Permit {
    const circuit = this.circuit(dependency);
    return { id, dependency, shared: given ?? circuit.sharedPart(now), own: circuit.ownPart(id, now, rules) };
  }

  private async ask(id: string, watched: readonly Ruled[]): Promise<Admission> {
    const askedAt = performance.now();
    try {
      const { refusedBy, circuits } = await this.store.admit(id, watched);
      // Until the next look, Redis does not know what it said, and would let all calls through.
      if (circuits.some((circuit) => this.circuit(circuit.dependency).isAheadOf(circuit)))
        throw new Error('Redis has lost how they stood');
      circuits.forEach((circuit) => this.saw(circuit, askedAt));
      if (refusedBy) return { refusedBy: refusedBy.dependency, retryInMs: refusedBy.restMs, forced: false };
      const now = performance.now();
      return { permits: watched.map((ruled, i) => this.permit(id, ruled, now, circuits[i])) };
    } catch (error) {
      this.log.warn(`Circuits could not be asked: ${reasonOf(error)}`);
      const now = performance.now();
      for (const { dependency } of watched) this.circuit(dependency).lose(now);
      const refusal = this.refusalHere(watched, now);
      return refusal ?? { permits: watched.map((ruled) => this.permit(id, ruled, now)) };
    }
  }

  /** In the background: nobody need wait for it, and a lost report only delays a decision. */
  private learn({ dependency }: Ruled, answer: Promise<SharedCircuit>): void {
    const askedAt = performance.now();
    answer.then(
      (circuit) => this.saw(circuit, askedAt),
      (error: Error) => this.log.warn(`A result for ${dependency} was lost: ${reasonOf(error)}`),
    );
  }

  private saw(circuit: SharedCircuit, askedAt: number): void {
    const { dependency, forced } = circuit;
    this.circuit(dependency).saw(circuit, askedAt);
    circuitState.set({ dependency }, GAUGE[forced ?? this.circuit(dependency).state]);
    if (circuit.change) this.events.changed(circuit, circuit.change);
  }

  /** One look at a time; who asks while one is under way gets another after it. */
  private look(): Promise<void> {
    this.lookAgain = this.looking !== undefined;
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
      if (this.lookAgain) void this.look();
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const { forced } = this.settings.current().circuit_breaker;
    const askedAt = performance.now();
    try {
      const told = DEPENDENCIES.map((dependency) => ({
        dependency,
        forced: forced[dependency] ?? null,
        seen: this.circuit(dependency).lastSeen(askedAt),
      }));
      (await this.store.sync(this.settings.version(), told)).forEach((circuit) => this.saw(circuit, askedAt));
      this.reading.succeeded();
    } catch (error) {
      this.reading.failed(error);
    }
  }
}
