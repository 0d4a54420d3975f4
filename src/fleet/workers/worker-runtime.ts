import { setTimeout as delay } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { AgentRegistry } from '../../media/flow/agent-registry';
import { MediaToolset } from '../../media/flow/media-toolset';
import { StepQueues } from '../../media/flow/queues/step-queues';
import { HEARTBEAT_MS, StepClaims } from '../../media/steps/step-claims';
import { LiveFeed } from '../../platform/feed/live-feed';
import { MessageBus } from '../../platform/messages/message-bus';
import { Pulse } from '../../platform/process/pulse';
import { ENV, type Env } from '../../platform/settings/env';
import { RunningSteps } from './running-steps';
import { WorkerDuty } from './worker-duty';
import { WorkerHeartbeat } from './worker-heartbeat';
import { WorkerTroubles } from './worker-troubles';
import { WorkerVitals } from './worker-vitals';
import { reasonOf } from '../../platform/errors/unavailable';
import { FailureLog } from '../../platform/telemetry/failure-log';

/** How long a worker that found nothing waits before it looks again unasked, in milliseconds. */
const IDLE_MS = 1_000;
/** How long it rests after Redis or Postgres failed it, in milliseconds. */
const REST_MS = 1_000;
/** Injection token: how long running steps may take to end when the worker stops, before they are given back, in ms. */
export const DRAIN_MS = Symbol('DRAIN_MS');
/** How long a step that is given back may take to clean up, in milliseconds. */
const RELEASE_MS = 6_000;

/** What Bull tells all processes when there may be something to take. */
const WAKING = ['global:waiting', 'global:resumed'] as const;

/** Takes steps from the queues of its pool's agents, as many at a time as it has slots, and runs them. */
@Injectable()
export class WorkerRuntime implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(WorkerRuntime.name);
  private readonly stopping = new AbortController();
  private awake = false;
  private endNap: () => void = () => undefined;
  private renewal?: NodeJS.Timeout;
  private taking?: Promise<void>;
  private inTaking?: Promise<boolean>;
  private drained?: Promise<void>;
  private readonly takings = new FailureLog(this.log, {
    fails: 'No steps can be taken at the moment',
    again: 'Steps can be taken again',
  });
  private announced = '';
  private readonly attached = new Set<string>();
  private unfollow: () => void = () => undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(DRAIN_MS) private readonly drainMs: number,
    private readonly agents: AgentRegistry,
    private readonly queues: StepQueues,
    private readonly claims: StepClaims,
    private readonly running: RunningSteps,
    private readonly heartbeat: WorkerHeartbeat,
    private readonly duty: WorkerDuty,
    private readonly vitals: WorkerVitals,
    private readonly troubles: WorkerTroubles,
    private readonly tools: MediaToolset,
    private readonly bus: MessageBus,
    private readonly feed: LiveFeed,
    private readonly pulse: Pulse,
  ) {}

  /** Clears what dead workers left here, attaches to the queues and begins. */
  async onApplicationBootstrap(): Promise<void> {
    await this.tools.cleanUp();
    this.vitals.start();
    await this.heartbeat.start();
    this.bus.on('step.abort', ({ step_id, attempt, reason }) => {
      this.running.abort(step_id, attempt, reason === 'cancel' ? 'cancel' : 'lost');
    });
    this.attach();
    this.unfollow = this.agents.onChange(() => {
      this.attach();
      this.announce();
      this.wake();
    });
    this.renewal = setInterval(() => void this.running.renew(), HEARTBEAT_MS);
    this.taking = this.takeSteps();
    await this.feed.publish('workers', { worker_id: this.env.workerId, event: 'started' });
    this.announce();
  }

  /** Takes nothing more, lets running steps end for a while, then gives them back. */
  async beforeApplicationShutdown(): Promise<void> {
    this.drained ??= this.drain();
    await this.drained;
  }

  private async drain(): Promise<void> {
    this.duty.end();
    this.unfollow();
    this.stopping.abort();
    this.wake();
    await this.taking;
    const over = new AbortController();
    const atMost = (ms: number) => delay(ms, undefined, { signal: over.signal }).catch(() => undefined);
    const idle = this.running.idle();
    await Promise.race([idle, atMost(this.drainMs)]);
    if (this.running.size > 0) {
      this.log.warn(`${this.running.size} steps are given back to be run by another worker`);
      this.running.abortAll('release');
      await Promise.race([idle, atMost(RELEASE_MS)]);
    }
    over.abort();
    clearInterval(this.renewal);
    this.vitals.stop();
    await this.heartbeat.stop();
    await this.feed.publish('workers', { worker_id: this.env.workerId, event: 'stopped' });
  }

  /** Says in the log what it does, when that has changed. */
  private announce(): void {
    const { pool, agents, concurrency } = this.duty.state();
    const duty = `${concurrency} steps at a time of ${agents.join(', ')}`;
    if (duty === this.announced) return;
    this.announced = duty;
    if (agents.length > 0) this.log.log(`Worker ${this.env.workerId} of the pool ${pool} takes ${duty}`);
    else this.log.warn(`The settings know no pool ${pool}: worker ${this.env.workerId} takes nothing`);
  }

  /** Bull tells when something comes to wait; the worker also looks by itself, in case it does not hear. */
  private attach(): void {
    for (const name of this.queues.names) {
      if (this.attached.has(name)) continue;
      this.attached.add(name);
      const queue = this.queues.get(name);
      // Moves delayed entries on when they are due, once Redis is there.
      queue
        ._initProcess()
        // First, since `on` would leave it to itself: a worker that stops meanwhile would end with a loose rejection.
        .then(() => Promise.all(WAKING.map((event) => queue._registerEvent(event))))
        .then(() => WAKING.forEach((event) => queue.on(event, () => this.wake())))
        .catch((error: Error) =>
          this.log.debug(`Queue ${name} was left before Redis came: ${reasonOf(error)}`),
        );
    }
  }

  private async takeSteps(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.awake = false;
      void this.pulse.beat();
      try {
        const took = this.duty.hasRoom(this.running.size) && (await this.take());
        this.takings.succeeded();
        if (took) continue;
      } catch (error) {
        this.takings.failed(error);
        this.troubles.note('No steps could be taken; see the log.');
        await delay(REST_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
        continue;
      }
      await this.nap();
    }
  }

  /** Resolves when the step that is being taken at this moment, if one is, has begun or was not to be had. */
  async tookLast(): Promise<void> {
    // Who takes it learns how that failed.
    await this.inTaking?.catch(() => undefined);
  }

  private take(): Promise<boolean> {
    this.inTaking = this.takeOne().finally(() => {
      this.inTaking = undefined;
    });
    return this.inTaking;
  }

  /** Takes one step and starts it; whether there was something to take. */
  private async takeOne(): Promise<boolean> {
    const { agents } = this.duty.state();
    const ticket = agents.length > 0 ? await this.queues.take(agents) : undefined;
    if (!ticket) return false;
    try {
      const claim = await this.claims.claim(ticket.data, this.env.workerId);
      if (claim) {
        this.running.start(claim, ticket, () => this.wake());
        return true;
      }
    } catch (error) {
      // The dispatcher makes a new ticket when Postgres is back.
      await this.running.dropTicket(ticket);
      throw error;
    }
    await this.running.dropTicket(ticket);
    return true;
  }

  /** Looks for steps at once: something has changed. */
  wake(): void {
    this.awake = true;
    this.endNap();
  }

  /** Rests until something happens; what has happened since the last look ends it at once. */
  private nap(): Promise<void> {
    if (this.awake || this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      this.endNap = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
