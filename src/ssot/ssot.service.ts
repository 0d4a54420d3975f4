import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../platform/errors/app-error';
import { reasonOf, unavailableServer } from '../platform/errors/unavailable';
import { MessageBus } from '../platform/messages/message-bus';
import { HeldSnapshot, ttlOf, type SnapshotSource } from './held-snapshot';
import { SnapshotBuilds } from './snapshot-builds';
import { SnapshotStore, type Cached } from './snapshot-store';
import { RuntimeSettings } from '../platform/settings/runtime-settings';
import type { SnapshotDto } from './snapshot.dto';

/** How long a reader waits for a build, in milliseconds: longer than a builder that died blocks others. */
const WAIT_MS = 5_000;
/** How often a reader looks for the snapshot that another process builds, in milliseconds. */
const LOOK_MS = 25;

/** A word that is so much older than what was built before it came, by Redis' clock, in microseconds, is no late one. */
const SET_BACK_US = 1_000_000;

/** A snapshot for a reader, and whether it came from memory, from a build, or is not all that it should be. */
export interface Reading {
  snapshot: HeldSnapshot;
  cache: 'hit' | 'miss' | 'stale';
}

/** A reader's question: what it is answered with shows at least every action until then. */
interface Question {
  /** When it was asked, by this process' monotonic clock, in milliseconds. */
  readonly at: number;
  /** The version that shows them; undefined if this process may have missed an invalidation, and Redis must tell. */
  readonly floor: number | undefined;
}

/**
 * The read model for readers: from this process' memory while that is known to be good, else from the cache
 * in Redis, else built, once for all processes.
 *
 * Memory is good until an invalidation, for 15 s at most, and only while the connection stands on which an
 * invalidation would come. Without Redis it is built here, at most once a second or at once after an invalidation.
 */
@Injectable()
export class SsotService {
  private readonly log = new Logger(SsotService.name);
  private readonly adopted = new Set<(snapshot: HeldSnapshot) => void>();
  private held: HeldSnapshot | undefined;
  /** Resolves with whether nothing unexpected happened. */
  private flight: Promise<boolean> | undefined;
  /** The version that a snapshot must have at least to show the effect of every action so far. */
  private minVersion = 0;
  /** The connection for invalidations since whose beginning none was missed. */
  private heardOn: number | undefined;
  /** When the last flight first looked into the cache, and the version that showed every action until then. */
  private look = { at: -Infinity, floor: 0 };
  /** How far Redis' clock is ahead of this process', in microseconds, when it was last seen. */
  private clockAhead = 0;
  private wake: () => void = () => undefined;

  constructor(
    private readonly builds: SnapshotBuilds,
    private readonly store: SnapshotStore,
    private readonly bus: MessageBus,
    private readonly settings: RuntimeSettings,
  ) {}

  /** Keeps up with invalidations and new snapshots from now on; the answer ends that. A reader needs it. */
  follow(onAdopt: (snapshot: HeldSnapshot) => void): () => void {
    this.adopted.add(onAdopt);
    const ends = [
      this.bus.on('ssot.invalidate', (_message, at) => this.invalidated(at)),
      this.bus.on('ssot.updated', ({ version }) => this.updated(Number(version))),
      () => this.adopted.delete(onAdopt),
    ];
    return () => ends.forEach((end) => end());
  }

  /** The snapshot in memory, if it is known to be good. Sends nothing to anybody. */
  peek(): HeldSnapshot | undefined {
    const held = this.held;
    if (!held || held.expired || this.outdated(held)) return undefined;
    if (held.source === 'direct') return held;
    const { busSession } = held.verification;
    return busSession !== undefined && busSession === this.bus.session ? held : undefined;
  }

  /**
   * The snapshot that shows at least every action whose invalidation has arrived. If none can be had in time,
   * the last one, as `stale`.
   *
   * @throws AppError SERVICE_UNAVAILABLE if there is none at all
   */
  async read(): Promise<Reading> {
    const memory = this.peek();
    if (memory) return { snapshot: memory, cache: memory.document.stale ? 'stale' : 'hit' };
    const question = this.question();
    while (performance.now() - question.at < WAIT_MS) {
      // One flight for all readers of this process; who came after its start may need the next one.
      this.flight ??= this.fly().finally(() => (this.flight = undefined));
      const went = await this.flight;
      const snapshot = this.peek() ?? this.answerTo(question);
      if (snapshot) return { snapshot, cache: snapshot.document.stale ? 'stale' : 'miss' };
      if (!went) break;
    }
    if (!this.held || performance.now() - this.held.bornAt > this.maxStaleMs)
      throw new AppError('SERVICE_UNAVAILABLE', 'The read model is not available at the moment.');
    return { snapshot: this.held, cache: 'stale' };
  }

  private get maxStaleMs(): number {
    return this.settings.current().read_model.max_stale_s * 1000;
  }

  /** Whether this process would hear of an invalidation. */
  get connected(): boolean {
    return this.bus.session !== undefined;
  }

  private question(): Question {
    const { session } = this.bus;
    const heard = session !== undefined && session === this.heardOn;
    return { at: performance.now(), floor: heard ? this.minVersion : undefined };
  }

  /**
   * What is in memory, if it shows what was asked for. Not what came later: where actions come faster than snapshots can
   * be built there is none that shows them all.
   */
  private answerTo(question: Question): HeldSnapshot | undefined {
    const held = this.held;
    const floor = question.floor ?? (this.look.at >= question.at ? this.look.floor : undefined);
    if (!held || held.expired || floor === undefined) return undefined;
    // The floor of all has sunk if it came from a clock that was set back.
    return held.version >= Math.min(floor, this.minVersion) ? held : undefined;
  }

  private outdated(held: HeldSnapshot): boolean {
    return held.version < this.minVersion;
  }

  private async fly(): Promise<boolean> {
    try {
      await this.flyTo();
      return true;
    } catch (error) {
      this.log.error(`The read model could not be built: ${reasonOf(error)}`, (error as Error).stack);
      return false;
    }
  }

  private async flyTo(): Promise<void> {
    try {
      const first = await this.load();
      const floor = this.minVersion;
      this.look = { at: first.verification.at, floor };
      if (this.adoptFrom(first, floor)) return;
      const done = await this.builds.buildForAll(async () => {
        // Another process may have built between the look and the lock.
        const cached = await this.load();
        return { needed: !this.adoptFrom(cached, floor), previous: cached.document ?? this.held?.document };
      });
      if (done) this.adoptFrom(await this.load(), floor);
      else await this.nextUpdate();
    } catch (error) {
      if (unavailableServer(error) !== 'redis') throw error;
      this.log.debug(`Redis is away, the read model is built directly: ${reasonOf(error)}`);
      await this.buildAlone();
    }
  }

  private async load(): Promise<Cached & { verification: HeldSnapshot['verification'] }> {
    // Taken before Redis is asked: an invalidation that comes meanwhile must count.
    const verification = { at: performance.now(), busSession: this.bus.session };
    const cached = await this.store.load();
    this.clockAhead = cached.now - Date.now() * 1000;
    // What has been invalidated was so before now: a floor in the future comes from a clock that was set back.
    this.minVersion = Math.min(Math.max(this.minVersion, cached.floor), cached.now);
    this.heardOn = verification.busSession;
    // By a clock that was set back; what is built now has a lower version than that.
    if (this.held?.source === 'cache' && this.held.version > cached.now) this.held = undefined;
    return { ...cached, verification };
  }

  /**
   * Takes over what the cache had, unless there is better in memory: an outdated one still serves who asked before.
   *
   * @returns whether it has at least the version that is wanted
   */
  private adoptFrom(
    { document, now, verification }: Awaited<ReturnType<SsotService['load']>>,
    floor: number,
  ): boolean {
    if (!document) return false;
    const ageMs = (now - document.version) / 1000;
    if (ageMs >= ttlOf(document, 'cache')) return false;
    const good = document.version >= floor;
    const held = this.held;
    if (held?.source === 'cache' && held.version === document.version) held.verification = verification;
    else if (good || !held || held.version < document.version)
      this.adopt(document, 'cache', performance.now() - ageMs, verification);
    return good;
  }

  private async buildAlone(): Promise<void> {
    const held = this.held;
    if (held?.source === 'direct' && !held.expired && !this.outdated(held)) return;
    const bornAt = performance.now();
    // It shows all that was told of before, whatever the clock says: readers who are shown none would ask without an end.
    const version = Math.max(Date.now() * 1000 + this.clockAhead, this.minVersion);
    const document = await this.builds.buildAlone(version, held?.document);
    this.adopt(document, 'direct', bornAt, { at: bornAt, busSession: undefined });
  }

  private adopt(
    document: SnapshotDto,
    source: SnapshotSource,
    bornAt: number,
    verification: HeldSnapshot['verification'],
  ): void {
    const held = this.held;
    const overtaken = held?.source === 'cache' && source === 'cache' && document.version < held.version;
    if (overtaken && !held.expired) return;
    this.held = new HeldSnapshot(document, source, bornAt, verification);
    for (const listener of this.adopted) listener(this.held);
  }

  /** @param at by Redis' clock, as versions are: what is built from then on shows the change */
  private invalidated(at: number): void {
    this.minVersion = Math.max(this.minVersion, at);
    // The clock was set back: that what is in memory has a higher version does not mean that it shows the change.
    if (this.held && this.held.version - at > SET_BACK_US)
      this.held.verification = { ...this.held.verification, busSession: undefined };
  }

  private async updated(version: number): Promise<void> {
    this.wake();
    const ahead = (this.held?.version ?? -Infinity) - version;
    if (this.flight || (ahead >= 0 && ahead <= SET_BACK_US)) return;
    try {
      this.adoptFrom(await this.load(), this.minVersion);
    } catch (error) {
      this.log.debug(`The new snapshot could not be fetched: ${reasonOf(error)}`);
    }
  }

  private nextUpdate(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
