import { Injectable, Logger } from '@nestjs/common';
import { AgentRegistry } from '../media/flow/agent-registry';
import { RuntimeSettings } from '../platform/settings/runtime-settings';
import { BoundedCollector, type Outcome } from './collector';
import { FORMAT, SECTIONS, sectionHash, type SectionName } from './document';
import { AnalyticsCollector } from './sections/analytics.collector';
import { type AgentFacts, agentsAndWorkers, dashboard, listedAgents, listedQueues } from './sections/derived';
import { JobsCollector } from './sections/jobs.collector';
import { LogsCollector } from './sections/logs.collector';
import { ManagersCollector } from './sections/managers.collector';
import { QueuesCollector } from './sections/queues.collector';
import { ServicesCollector } from './sections/services.collector';
import { SystemCollector } from './sections/system.collector';
import { WorkersCollector } from './sections/workers.collector';
import type { SectionMetaDto, SnapshotDto } from './snapshot.dto';
import { FailureLog } from '../platform/telemetry/failure-log';

/** A section's new value: read for this build or kept from the one before. */
interface Part<T> {
  value: T | null;
  at: Date;
  stale: boolean;
}

/**
 * Builds the read model. It is the one way to do so: the warmer and a reader who finds the cache empty get
 * the same document.
 */
@Injectable()
export class SnapshotBuilder {
  private readonly log = new Logger(SnapshotBuilder.name);
  private readonly failures = new Map<string, FailureLog>();
  private readonly jobs;
  private readonly workers;
  private readonly queues;
  private readonly analytics;
  private readonly logs;
  private readonly managers;
  private readonly services;
  private readonly system;

  constructor(
    jobs: JobsCollector,
    workers: WorkersCollector,
    queues: QueuesCollector,
    analytics: AnalyticsCollector,
    logs: LogsCollector,
    managers: ManagersCollector,
    services: ServicesCollector,
    system: SystemCollector,
    private readonly agents: AgentRegistry,
    private readonly settings: RuntimeSettings,
  ) {
    this.jobs = new BoundedCollector(jobs);
    this.workers = new BoundedCollector(workers);
    this.queues = new BoundedCollector(queues);
    this.analytics = new BoundedCollector(analytics);
    this.logs = new BoundedCollector(logs);
    this.managers = new BoundedCollector(managers);
    this.services = new BoundedCollector(services);
    this.system = new BoundedCollector(system);
  }

  /**
   * Reads everything side by side. A section that cannot be read comes from `previous`, marked stale; it is
   * null only if there is no previous one, or that has become too old. Never rejects.
   *
   * @param version what this build is numbered; later builds have higher ones
   */
  async build(version: number, previous: SnapshotDto | undefined): Promise<SnapshotDto> {
    const asOf = new Date();
    const [jobs, workers, queues, analytics, logs, managers, services, system] = await Promise.all([
      this.read(this.jobs),
      this.read(this.workers),
      this.read(this.queues),
      this.read(this.analytics),
      this.read(this.logs),
      this.read(this.managers),
      this.read(this.services),
      this.read(this.system),
    ]);
    const oldest = asOf.getTime() - this.settings.current().read_model.max_stale_s * 1000;
    const kept = <K extends SectionName>(name: K): Part<NonNullable<SnapshotDto[K]>> => {
      const at = new Date(previous?.sections[name]?.as_of ?? asOf);
      return { value: at.getTime() < oldest ? null : (previous?.[name] ?? null), at, stale: true };
    };
    const queue = fresh(queues) ?? kept('queue');
    const managing = fresh(managers) ?? kept('managers');
    const running = fresh(system) ?? kept('system');
    const agents =
      derive(asOf, [fresh(workers), queue], (found, all) => agentsAndWorkers(this.facts(), found, all)) ??
      kept('agents_workers');
    const front =
      derive(asOf, [fresh(jobs), queue, agents, managing, running], dashboard) ?? kept('dashboard');
    return compose(version, asOf, {
      dashboard: front,
      // Only now: the sums before are of all.
      agents_workers: capped(agents, listedAgents),
      queue: capped(queue, listedQueues),
      analytics: fresh(analytics) ?? kept('analytics'),
      logs: fresh(logs) ?? kept('logs'),
      managers: managing,
      services: fresh(services) ?? kept('services'),
      system: running,
    });
  }

  private facts(): AgentFacts[] {
    return this.agents.current().nodes.map(({ id, type: { title, version } }) => ({ id, title, version }));
  }

  private async read<T extends object>(collector: BoundedCollector<T>): Promise<Outcome<T>> {
    const outcome = await collector.run();
    const failures = this.failuresOf(collector.name);
    if (outcome.ok) failures.succeeded();
    else failures.failed(outcome.error);
    return outcome;
  }

  private failuresOf(name: string): FailureLog {
    const known = this.failures.get(name);
    if (known) return known;
    const part = `The part "${name}" of the read model`;
    const sentences = { fails: `${part} cannot be read`, again: `${part} can be read again` };
    const made = new FailureLog(this.log, sentences);
    this.failures.set(name, made);
    return made;
  }
}

function fresh<T>(outcome: Outcome<T>): Part<T> | undefined {
  return outcome.ok ? { value: outcome.value, at: outcome.at, stale: false } : undefined;
}

/** A section made of others: as old as the oldest of them, stale if one is, undefined if one is missing. */
function derive<Parts extends unknown[], T>(
  now: Date,
  parts: { [K in keyof Parts]: Part<Parts[K]> | undefined },
  make: (...values: Parts) => T,
): Part<T> | undefined {
  const given = (parts as (Part<unknown> | undefined)[]).filter((part) => part !== undefined);
  if (given.length < parts.length || given.some((part) => part.value === null)) return undefined;
  const at = new Date(Math.min(now.getTime(), ...given.map((part) => part.at.getTime())));
  const value = make(...(given.map((part) => part.value) as Parts));
  return { value, at, stale: given.some((part) => part.stale) };
}

function capped<T extends object>(part: Part<T>, cap: (value: T) => T): Part<T> {
  return { ...part, value: part.value && cap(part.value) };
}

function compose(
  version: number,
  asOf: Date,
  parts: { [K in SectionName]: Part<NonNullable<SnapshotDto[K]>> },
): SnapshotDto {
  const meta = (name: SectionName): [SectionName, SectionMetaDto] => {
    const { value, at, stale } = parts[name];
    return [name, { as_of: at, stale, hash: sectionHash(value) }];
  };
  return {
    version,
    format: FORMAT,
    as_of: asOf,
    stale: SECTIONS.some((name) => parts[name].stale),
    sections: Object.fromEntries(SECTIONS.map(meta)),
    dashboard: parts.dashboard.value,
    agents_workers: parts.agents_workers.value,
    agents: parts.agents_workers.value,
    queue: parts.queue.value,
    analytics: parts.analytics.value,
    logs: parts.logs.value,
    managers: parts.managers.value,
    services: parts.services.value,
    system: parts.system.value,
  };
}
