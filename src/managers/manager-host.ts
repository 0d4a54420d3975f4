import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { v7 as uuidv7 } from 'uuid';
import { Db } from '../platform/postgres/db';
import { Pulse } from '../platform/process/pulse';
import { ENV, type Env } from '../platform/settings/env';
import { ControlLoopRunner } from './control-loop';
import { LEASE_MS, LeaseKeeper, RENEW_MS } from './lease-keeper';
import { CONTROL_LOOP, type Manager } from './manager';
import { reasonOf } from '../platform/errors/unavailable';
import { FailureLog } from '../platform/telemetry/failure-log';

/** How often a free lead is looked for and metrics are written, in milliseconds. */
const TICK_MS = 1_000;
/** A lead ends here this long before it does in Postgres, so that two never lead, in milliseconds. */
const MARGIN_MS = 500;
/** How long a stop waits for runs to end, in milliseconds. */
const STOP_WAIT_MS = 10_000;

/**
 * Runs the control loops of this process: finds the classes marked with `@ControlLoop()`, leads those that
 * no other manager process leads, and takes over from one that has died within 10 s, or within
 * a second from one that was stopped.
 *
 * While Postgres is away nobody can renew, so every lead ends by its own clock; the loops go on when it is
 * back.
 */
@Injectable()
export class ManagerHost implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(ManagerHost.name);
  private readonly keeper: LeaseKeeper;
  private readonly loops = new Map<string, ControlLoopRunner>();
  private readonly leadUntil = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;
  private renewedAt = 0;
  private stopped = false;
  private readonly renewals = new FailureLog(this.log, {
    fails: 'Leads cannot be renewed',
    again: 'Leads can be renewed again',
  });
  private readonly reports = new FailureLog(this.log, {
    fails: 'What control loops did cannot be written down',
    again: 'What control loops do is written down again',
  });

  constructor(
    private readonly discovery: DiscoveryService,
    db: Db,
    @Inject(ENV) env: Env,
    private readonly pulse: Pulse,
  ) {
    // The instance's name is for people; what comes after it makes two of the same name different holders.
    this.keeper = new LeaseKeeper(db, `${env.instanceId}/${uuidv7()}`);
  }

  /** The names of the loops that this process leads now. */
  get leads(): string[] {
    return [...this.loops.values()]
      .filter((loop) => loop.fence !== undefined)
      .map((loop) => loop.manager.name);
  }

  /** The names of all loops of this process. */
  get names(): string[] {
    return [...this.loops.keys()];
  }

  /**
   * Finds the loops and starts to lead.
   *
   * @throws Error if two loops have one name, or a loop is malformed
   */
  async onApplicationBootstrap(): Promise<void> {
    for (const manager of this.discover()) {
      if (this.loops.has(manager.name)) throw new Error(`Two control loops are named "${manager.name}".`);
      this.loops.set(manager.name, new ControlLoopRunner(manager, this.log));
    }
    await this.tick();
    this.timer = setInterval(() => {
      // Not left to the tick: one that waits for a Postgres that hangs must not keep a lead alive.
      this.dropExpired();
      this.ticking ??= this.tick().finally(() => (this.ticking = undefined));
    }, TICK_MS);
  }

  /** Ends all runs and gives the leads up, so that another process goes on at once. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.ticking;
    const led = this.leads;
    const tallies = [...this.loops.values()].map((loop) => ({ loop, fence: loop.fence }));
    for (const { loop } of tallies) loop.resign('the process stops');
    const idle = Promise.all(tallies.map(({ loop }) => loop.idle())).then(() => true);
    const ended = await Promise.race([idle, delay(STOP_WAIT_MS).then(() => false)]);
    // A run that has not ended keeps its lead until it expires: better late than twice at once.
    if (!ended) return this.log.error('A control loop did not end in time; its lead runs out by itself.');
    try {
      for (const { loop, fence } of tallies) await this.report(loop, fence);
      await this.keeper.release(led);
    } catch (error) {
      this.log.warn(`The leads could not be given up and will run out: ${reasonOf(error)}`);
    }
  }

  private discover(): Manager[] {
    return this.discovery
      .getProviders()
      .filter((wrapper) => wrapper.metatype && Reflect.hasMetadata(CONTROL_LOOP, wrapper.metatype))
      .map((wrapper) => {
        const manager = wrapper.instance as Partial<Manager> | undefined;
        if (!manager?.name || !manager.run || !((manager.intervalMs ?? 0) > 0))
          throw new Error(`The control loop ${wrapper.name} needs a name, an intervalMs over 0 and a run().`);
        return manager as Manager;
      });
  }

  private async tick(): Promise<void> {
    const now = performance.now();
    const due = now - this.renewedAt >= RENEW_MS - TICK_MS / 2;
    const names = due ? this.names : this.names.filter((name) => !this.leadUntil.has(name));
    try {
      if (names.length > 0) this.apply(names, await this.keeper.claim(names), now);
      if (due) this.renewedAt = now;
      this.renewals.succeeded();
    } catch (error) {
      this.renewals.failed(error);
    }
    for (const loop of this.loops.values()) await this.report(loop, loop.fence);
    void this.pulse.beat();
  }

  /** @param askedAt when Postgres was asked: its clock for the lease started no earlier */
  private apply(asked: readonly string[], led: ReadonlyMap<string, number>, askedAt: number): void {
    const until = askedAt + LEASE_MS - MARGIN_MS;
    for (const name of asked) {
      const fence = led.get(name);
      if (fence === undefined) this.lose(name, 'another process leads');
      else if (until > performance.now()) {
        this.leadUntil.set(name, until);
        if (!this.stopped) this.loops.get(name)?.leadWith(fence);
      }
    }
  }

  private dropExpired(): void {
    for (const [name, until] of this.leadUntil) {
      if (until <= performance.now()) this.lose(name, 'the lead ran out');
    }
  }

  private lose(name: string, reason: string): void {
    this.leadUntil.delete(name);
    this.loops.get(name)?.resign(reason);
  }

  /** Never throws: nobody loses a lead over its metrics. */
  private async report(loop: ControlLoopRunner, fence: number | undefined): Promise<void> {
    const tally = loop.takeTally();
    if (!tally || fence === undefined) return;
    try {
      await this.keeper.report(loop.manager.name, fence, tally);
      this.reports.succeeded();
    } catch (error) {
      this.reports.failed(error);
    }
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
