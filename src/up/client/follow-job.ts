import { nodeGatewayClient } from '../../gateway/client/node-client';
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

/** Between two looks at the job while the gateway cannot be reached, in milliseconds. */
const LOOK_MS = 2_000;
/** The same while it is reached: what was to be told by a process that was killed comes never. */
const LOOK_ANYWAY_MS = 30_000;

/**
 * Follows a job live over the gateway until it is settled. While the gateway cannot be reached, the job is looked
 * at every 2 s instead, and every 30 s in any case.
 *
 * @param onNews told everything new, in order; the first news is the job as it is
 * @returns the settled job
 */
export function followJob(
  api: ApiClient,
  wsUrl: string,
  jobId: string,
  onNews: (news: JobNews) => void,
): Promise<JobView> {
  return new Follower(api, jobId, onNews).run(wsUrl);
}

class Follower {
  private last: JobNews = { status: 'queued', progress: 0 };
  private connected = false;
  private askedForToken = false;

  constructor(
    private readonly api: ApiClient,
    private readonly jobId: string,
    private readonly onNews: (news: JobNews) => void,
  ) {}

  async run(url: string): Promise<JobView> {
    let settled: () => void = () => undefined;
    let failed: (error: unknown) => void = () => undefined;
    const end = new Promise<void>((resolve, reject) => {
      settled = resolve;
      failed = reject;
    });
    const look = () => this.look().then((job) => SETTLED.includes(job.status) && settled(), failed);
    const client = nodeGatewayClient({
      url,
      token: () => this.token(),
      onState: (state) => (this.connected = state === 'ready'),
    });
    client.follow(`job:${this.jobId}`, {
      // What happened before is in the job itself.
      begin: (_position, recovered) => void (recovered || look()),
      event: ({ data }) => void (SETTLED.includes(this.take(data as JobEvent).status) && settled()),
      refused: ({ message }) => failed(new Error(`The gateway refused: ${message}`)),
    });
    const timers = [
      setInterval(() => void (this.connected || look()), LOOK_MS),
      setInterval(() => void look(), LOOK_ANYWAY_MS),
    ];
    try {
      client.open();
      await end;
      return await this.look();
    } finally {
      for (const timer of timers) clearInterval(timer);
      client.close();
    }
  }

  /** The client asks again when the token it had has expired, or is about to. */
  private async token(): Promise<string> {
    if (this.askedForToken) await this.api.refresh();
    this.askedForToken = true;
    return this.api.accessToken;
  }

  /** The job as it is now, told as news. */
  private async look(): Promise<JobView> {
    const job = await this.api.request<JobView>('GET', `/api/jobs/${this.jobId}`);
    this.tell({ status: job.status, progress: job.progress });
    return job;
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
