import { Inject, Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { MessageBus, type Messages } from '../../platform/messages/message-bus';
import { ENV, type Env } from '../../platform/settings/env';
import { RedisService } from '../../platform/redis/redis.service';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { RunningSteps } from './running-steps';
import {
  ANSWER_MS,
  type WorkerCommand,
  type WorkerCommands,
  type WorkerDrainState,
  WorkerRefusal,
} from './worker-commands';
import { WorkerDuty } from './worker-duty';
import { WorkerRuntime } from './worker-runtime';
import { WorkerVitals } from './worker-vitals';

type Handlers = {
  [C in WorkerCommand]: (
    request: WorkerCommands[C]['request'],
  ) => WorkerCommands[C]['reply'] | Promise<WorkerCommands[C]['reply']>;
};

/** The worker's end of its control channel: does what it is asked to, and answers. */
@Injectable()
export class WorkerControl {
  private readonly log = new Logger(WorkerControl.name);
  private readonly handlers: Handlers = {
    'worker.health': () => this.vitals.read(),
    'worker.configure': async ({ settings_version }) => {
      if ((await this.settings.catchUp()) < settings_version)
        throw new WorkerRefusal(`This worker finds no version ${settings_version} of the settings.`);
      // What is being taken at this moment was chosen by the settings before.
      await this.runtime.tookLast();
      return this.duty.state();
    },
    'worker.drain': () => this.drain(true),
    'worker.resume': () => this.drain(false),
  };

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly bus: MessageBus,
    private readonly redis: RedisService,
    private readonly feed: LiveFeed,
    private readonly duty: WorkerDuty,
    private readonly vitals: WorkerVitals,
    private readonly running: RunningSteps,
    private readonly runtime: WorkerRuntime,
    private readonly settings: RuntimeSettings,
  ) {
    this.bus.on('worker.request', (request, at) => this.receive(request, at));
  }

  /** @param at when it was asked, in microseconds by Redis' clock */
  private async receive(message: Messages['worker.request'], at: number): Promise<void> {
    const { request_id, worker_ids, command } = message;
    const worker_id = this.env.workerId;
    if (!worker_ids.includes(worker_id)) return;
    try {
      if (await this.tooLate(at)) return this.log.warn(`${command} came too late and was not done`);
      const result = await this.perform(
        command as WorkerCommand,
        message.payload as WorkerCommands[WorkerCommand]['request'],
      );
      await this.bus.publish('worker.reply', { request_id, worker_id, result });
      // What only looks changes nothing that others would want to see.
      if (command !== 'worker.health') await this.feed.publish('workers', { worker_id, event: command });
    } catch (error) {
      if (!(error instanceof WorkerRefusal)) this.log.error(`${command} failed`, (error as Error).stack);
      const reason = error instanceof WorkerRefusal ? error.message : 'It failed; see the log of the worker.';
      await this.bus.publish('worker.reply', { request_id, worker_id, error: reason });
    }
  }

  /** Whether who asked has stopped waiting: a process that was frozen finds such messages when it goes on. */
  private async tooLate(at: number): Promise<boolean> {
    const [seconds, micros] = await this.redis.client.time();
    return Number(seconds) * 1e6 + Number(micros) - at > ANSWER_MS * 1_000;
  }

  private perform<C extends WorkerCommand>(command: C, request: WorkerCommands[C]['request']) {
    // A newer process may know commands that this worker does not.
    if (!Object.hasOwn(this.handlers, command)) throw new WorkerRefusal(`This worker knows no ${command}.`);
    return this.handlers[command](request);
  }

  private async drain(draining: boolean): Promise<WorkerDrainState> {
    this.duty.drain(draining);
    this.runtime.wake();
    // A step that is being taken at this moment counts among those that are left.
    if (draining) await this.runtime.tookLast();
    return { draining: this.duty.state().draining, steps_left: this.running.size };
  }
}
