import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { SwarmService, SwarmTask } from '../../../src/fleet/drivers/swarm/docker-engine';
import { StandInTask } from './stand-in-task';

/** Ended tasks that are remembered per replica, as by default in a Swarm. */
const HISTORY = 5;

type Template = StandInTask['template'] & { RestartDelayMs: number };

/** One Swarm service: keeps as many tasks running as its specification says, and replaces them when it changes. */
export class StandInService {
  readonly id = randomUUID();
  private version = 1;
  private tasks: StandInTask[] = [];
  /** Replicas that wait for their restart delay, by slot. */
  private readonly waiting = new Map<number, { task: SwarmTask; timer: NodeJS.Timeout }>();
  private updateStatus: SwarmService['UpdateStatus'];
  private updating: Promise<void> = Promise.resolve();
  private removed = false;

  constructor(
    private spec: SwarmService['Spec'],
    private readonly nodeId: string,
  ) {
    this.fill();
  }

  describe(): SwarmService {
    return {
      ID: this.id,
      Version: { Index: this.version },
      UpdatedAt: new Date().toISOString(),
      UpdateStatus: this.updateStatus,
      Spec: this.spec,
    };
  }

  /** Its tasks, ended ones too as far as they are remembered. */
  list(): SwarmTask[] {
    return [
      ...this.tasks.map((task) => task.description),
      ...[...this.waiting.values()].map(({ task }) => task),
    ];
  }

  /** Whether the change was made; it is not if `version` is not the present one. */
  update(version: number, spec: SwarmService['Spec']): boolean {
    if (version !== this.version) return false;
    this.version += 1;
    const before = this.spec;
    const changed = !isDeepStrictEqual(this.spec.TaskTemplate, spec.TaskTemplate);
    this.spec = spec;
    this.updateStatus = undefined;
    this.updating = this.updating.then(async () => {
      await this.trim();
      if (changed) await this.roll(before);
      this.fill();
    });
    return true;
  }

  async remove(): Promise<void> {
    this.removed = true;
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    await this.updating;
    await Promise.all(this.tasks.map((task) => task.shutDown()));
  }

  kill(containerId: string): boolean {
    const task = this.tasks.find((one) => one.containerId === containerId && one.isAlive);
    task?.signal('SIGKILL');
    return task !== undefined;
  }

  log(tail: number): Buffer {
    return Buffer.concat(this.tasks.flatMap((task) => task.framedLog(tail)));
  }

  private get replicas(): number {
    return this.removed ? 0 : (this.spec.Mode?.Replicated?.Replicas ?? 1);
  }

  private get template(): Template {
    const { ContainerSpec, RestartPolicy } = this.spec.TaskTemplate as {
      ContainerSpec: StandInTask['template'];
      RestartPolicy: { Delay: number };
    };
    return { ...ContainerSpec, RestartDelayMs: RestartPolicy.Delay / 1e6 };
  }

  /** Starts what is missing. */
  private fill(): void {
    for (let slot = 1; slot <= this.replicas; slot++) {
      if (!this.waiting.has(slot) && !this.living().some((task) => task.slot === slot)) this.run(slot);
    }
  }

  private run(slot: number): StandInTask {
    const task = new StandInTask(this.id, slot, this.nodeId, this.template);
    this.tasks.push(task);
    void task.ended.then(() => {
      if (task.description.Status.State === 'shutdown' || slot > this.replicas) return;
      const { RestartDelayMs } = this.template;
      const next: SwarmTask = { ...task.description, ID: randomUUID(), DesiredState: 'ready' };
      next.Status = { Timestamp: new Date().toISOString(), State: 'ready' };
      const timer = setTimeout(() => {
        this.waiting.delete(slot);
        if (slot <= this.replicas) this.run(slot);
      }, RestartDelayMs);
      this.waiting.set(slot, { task: next, timer });
      this.forget(slot);
    });
    return task;
  }

  /** Takes replicas away that are too many, with all memory of them. */
  private async trim(): Promise<void> {
    for (const [slot, { timer }] of this.waiting) {
      if (slot <= this.replicas) continue;
      clearTimeout(timer);
      this.waiting.delete(slot);
    }
    const surplus = this.tasks.filter((task) => task.slot > this.replicas);
    await Promise.all(surplus.map((task) => task.shutDown()));
    this.tasks = this.tasks.filter((task) => !surplus.includes(task));
  }

  /** Replaces all tasks, one after the other, as update_config says; back to `before` if a new one fails. */
  private async roll(before: SwarmService['Spec']): Promise<void> {
    const { Order, FailureAction, Monitor = 0 } = this.spec.UpdateConfig ?? {};
    this.updateStatus = { State: 'updating' };
    for (const old of this.living()) {
      if (Order === 'stop-first') await old.shutDown();
      const next = this.run(old.slot);
      const failed = await Promise.race([next.ended.then(() => true), delay(Monitor / 1e6, false)]);
      if (failed && FailureAction === 'rollback') {
        this.spec = before;
        this.updateStatus = { State: 'rollback_completed', Message: 'rollback completed' };
        return;
      }
      await old.shutDown();
      this.forget(old.slot);
    }
    this.updateStatus = { State: 'completed' };
  }

  private living(): StandInTask[] {
    return this.tasks.filter((task) => task.isAlive);
  }

  private forget(slot: number): void {
    const ended = this.tasks.filter((task) => task.slot === slot && !task.isAlive);
    const surplus = ended.slice(0, Math.max(0, ended.length - HISTORY));
    this.tasks = this.tasks.filter((task) => !surplus.includes(task));
  }
}
