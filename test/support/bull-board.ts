import { createBullBoard } from '@bull-board/api';
import { BullAdapter } from '@bull-board/api/bullAdapter';
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  ControllerHandlerReturnType,
  IServerAdapter,
  UIConfig,
} from '@bull-board/api/typings/app';
import type { Queue } from 'bull';

/** What Bull Board counts in a queue. */
export type BoardCounts = Record<
  'waiting' | 'active' | 'completed' | 'failed' | 'delayed' | 'paused',
  number
>;

/** Runs the routes of a Bull Board without a web server. */
class Routes implements IServerAdapter {
  private queues: BullBoardQueues = new Map();
  private routes: AppControllerRoute[] = [];

  setQueues(queues: BullBoardQueues): this {
    this.queues = queues;
    return this;
  }

  setApiRoutes(routes: AppControllerRoute[]): this {
    this.routes = routes;
    return this;
  }

  setViewsPath(_path: string): this {
    return this;
  }

  setStaticPath(_route: string, _path: string): this {
    return this;
  }

  setEntryRoute(_route: AppViewRoute): this {
    return this;
  }

  setErrorHandler(_handler: (error: Error) => ControllerHandlerReturnType): this {
    return this;
  }

  setUIConfig(_config: UIConfig): this {
    return this;
  }

  async call(path: string, params: Record<string, string> = {}, query = {}): Promise<unknown> {
    const route = this.routes.find((one) => one.route === path);
    if (!route) throw new Error(`Bull Board has no route ${path}`);
    const answer = await route.handler({
      queues: this.queues,
      params,
      query,
      body: {},
      headers: {},
      uiConfig: {},
    });
    if (answer.status !== undefined && answer.status >= 400)
      throw new Error(`Bull Board answered ${path} with ${answer.status}`);
    return answer.body;
  }
}

/** A Bull Board on the queues, as an operator of another system would mount it. */
export class BullBoard {
  private readonly routes = new Routes();

  constructor(queues: readonly Queue[]) {
    createBullBoard({ queues: queues.map((queue) => new BullAdapter(queue)), serverAdapter: this.routes });
  }

  /** What its page of all queues shows, by queue, and whether it shows it as paused. */
  async counts(): Promise<Record<string, BoardCounts & { isPaused: boolean }>> {
    const query = { page: '1', jobsPerPage: '10' };
    const { queues } = (await this.routes.call('/api/queues', {}, query)) as {
      queues: { name: string; counts: BoardCounts; isPaused: boolean }[];
    };
    return Object.fromEntries(queues.map(({ name, counts, isPaused }) => [name, { ...counts, isPaused }]));
  }

  /** Its button "retry all" of the failed ones. */
  async retryAll(queueName: string): Promise<void> {
    await this.routes.call('/api/queues/:queueName/retry/:queueStatus', { queueName, queueStatus: 'failed' });
  }

  /** Its button "empty". */
  async empty(queueName: string): Promise<void> {
    await this.routes.call('/api/queues/:queueName/empty', { queueName });
  }
}
