import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, type RawData } from 'ws';
import type { ClientFrame, Position, ServerFrame } from '../../gateway/protocol';
import type { ApiClient, JobStatus, JobView } from './api-client';

/** Something new about the job. */
export interface JobNews {
  status: JobStatus;
  /** 0 to 1. */
  progress: number;
  /** The step that the news is about. */
  agent?: string;
  stepStatus?: string;
}

/** What the gateway sends under `job:ID`; what is used of it here. */
interface JobEvent {
  kind: 'job' | 'step' | 'progress' | 'clip';
  status?: string;
  progress?: number;
  agent?: string;
}

const SETTLED: readonly JobStatus[] = ['completed', 'failed', 'cancelled'];

/** Between two attempts to connect, and between two looks where the gateway cannot be reached. */
const PAUSE_MS = 2_000;
const CONNECT_TRIES = 3;

/**
 * Follows a job live over the gateway until it is settled. A broken connection is resumed where it ended; where
 * the gateway cannot be reached at all, the job is looked at every 2 s instead.
 *
 * @param onNews told everything new, in order; the first news is the job as it is
 * @returns the settled job
 */
export async function followJob(
  api: ApiClient,
  wsUrl: string,
  jobId: string,
  onNews: (news: JobNews) => void,
): Promise<JobView> {
  const follower = new Follower(api, wsUrl, jobId, onNews);
  for (let failures = 0; failures < CONNECT_TRIES;) {
    const outcome = await follower.connection();
    if (outcome === 'settled') return follower.look();
    failures = outcome === 'lost' ? 0 : failures + 1;
    await sleep(PAUSE_MS);
  }
  for (;;) {
    const job = await follower.look();
    if (SETTLED.includes(job.status)) return job;
    await sleep(PAUSE_MS);
  }
}

class Follower {
  private position: Position | undefined;
  private last: JobNews = { status: 'queued', progress: 0 };

  constructor(
    private readonly api: ApiClient,
    private readonly wsUrl: string,
    private readonly jobId: string,
    private readonly onNews: (news: JobNews) => void,
  ) {}

  /** The job as it is now, told as news. */
  async look(): Promise<JobView> {
    const job = await this.api.request<JobView>('GET', `/api/jobs/${this.jobId}`);
    this.tell({ status: job.status, progress: job.progress });
    return job;
  }

  /** One connection, to its end: `lost` if it had worked before, `refused` if it never did. */
  connection(): Promise<'settled' | 'lost' | 'refused'> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.wsUrl, { handshakeTimeout: 5_000 });
      let subscribed = false;
      const send = (frame: ClientFrame) => socket.send(JSON.stringify(frame));
      const finish = (outcome: 'settled' | 'lost' | 'refused') => {
        resolve(outcome);
        socket.close();
      };
      const settleIf = (job: { status: JobStatus }) => SETTLED.includes(job.status) && finish('settled');
      socket.on('open', () => send({ type: 'auth', token: this.api.accessToken }));
      socket.on('close', (code) => {
        // 4401: the access token has expired; the next connection brings a new one.
        const renewed = code === 4401 ? this.api.refresh() : Promise.resolve();
        renewed.then(() => finish(subscribed ? 'lost' : 'refused'), reject);
      });
      socket.on('error', () => socket.terminate());
      socket.on('message', (data: RawData) => {
        const frame = JSON.parse((data as Buffer).toString()) as ServerFrame;
        if (frame.type === 'ready') {
          const since = this.position;
          send({ type: 'subscribe', topic: `job:${this.jobId}`, ...(since ? { since } : {}) });
        } else if (frame.type === 'subscribed') {
          subscribed = true;
          this.position = { offset: frame.offset, epoch: frame.epoch };
          // Whatever was missed before now is in the job itself.
          if (!frame.recovered) this.look().then(settleIf, reject);
        } else if (frame.type === 'event') {
          if (this.position) this.position = { ...this.position, offset: frame.offset };
          settleIf(this.take(frame.data as JobEvent));
        } else if (frame.type === 'error') {
          reject(new Error(`The gateway refused: ${frame.message}`));
          socket.close();
        }
      });
    });
  }

  private take({ kind, status, progress, agent }: JobEvent): JobNews {
    const { last } = this;
    if (kind === 'job')
      return this.tell({ status: (status ?? last.status) as JobStatus, progress: progress ?? last.progress });
    if (kind === 'progress')
      return this.tell({ status: 'processing', progress: progress ?? last.progress, agent });
    if (kind === 'step')
      return this.tell({ status: last.status, progress: last.progress, agent, stepStatus: status });
    return last;
  }

  private tell(news: JobNews): JobNews {
    this.last = { status: news.status, progress: Math.max(news.progress, this.last.progress) };
    this.onNews({ ...news, progress: this.last.progress });
    return this.last;
  }
}
