import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Person } from '../../nemesis/arena/arena';
import { verdictOf } from '../../nemesis/history';
import type { Random } from '../../nemesis/random';
import type { Answer, HttpClient } from '../../support/http-client';
import { shortVideo } from '../../support/media';
import { type Begun, CHUNK, chunkOf, finalize, send, sha256 } from '../../support/uploading';
import { PLAIN_CLIPS } from '../../support/video-way';
import type { JobBoard } from './job-board';

/** Length of the video, in seconds: it is to cost little. */
const LENGTH_S = 4;
/** What jobs are created with: two clips, which fit into so short a video. */
const SETTINGS = {
  ...PLAIN_CLIPS.settings,
  'moment-selector': { count: 2, min_s: 1, max_s: 2, target_s: 2 },
};
/** Between two looks at how many jobs there are, and two tries of the same request, in milliseconds. */
const PAUSE_MS = 200;

/** What a maker of jobs needs. */
export interface JobMakerOptions {
  owner: Person;
  board: JobBoard;
  /** How many of the jobs wait or run at a time, at most; those that others retry come on top. */
  atOnce: number;
  random: Random;
  /** Told of each job that was accepted. */
  onAccepted(jobId: string): void;
}

/** A user who uploads a video over both apis and makes a job of it, again and again. */
export class JobMaker {
  readonly violations: string[] = [];
  /** The jobs that the user was told of. */
  readonly accepted: string[] = [];

  constructor(private readonly options: JobMakerOptions) {}

  /** Makes jobs until `until`. */
  async work(until: AbortSignal): Promise<void> {
    const { board, atOnce } = this.options;
    const video = await readFile(await shortVideo(LENGTH_S));
    while (!until.aborted) {
      await board.look();
      if (board.unfinished.length < atOnce) await this.makeOne(video, until);
      else await delay(PAUSE_MS);
    }
  }

  private async makeOne(video: Buffer, until: AbortSignal): Promise<void> {
    const uploadId = await this.upload(video, until);
    if (uploadId === undefined) return;
    // A job whose answer is lost may exist: asked again there would be two. Nobody follows it, and it is checked as all.
    const job = await this.insist<{ job_id: string }>(
      (api) => api.post('/api/jobs/create', { upload_id: uploadId, settings: SETTINGS }),
      until,
      { once: true },
    );
    if (!job) return;
    this.accepted.push(job.job_id);
    this.options.onAccepted(job.job_id);
  }

  private async upload(video: Buffer, until: AbortSignal): Promise<string | undefined> {
    const file = { filename: 'video.mp4', size: video.length, chunk_size: CHUNK };
    const begun = await this.insist<Begun>((api) => api.post('/api/upload/init', file), until);
    if (!begun) return undefined;
    const { upload_id: id } = begun;
    for (let index = 0; index * CHUNK < video.length; index++)
      if (!(await this.insist((api) => send(api, id, index, chunkOf(video, index)), until))) return undefined;
    return (await this.insist((api) => finalize(api, id, sha256(video)), until)) && id;
  }

  /**
   * Asks one api or the other until there is an answer: they are killed, and closed for maintenance. Undefined if the
   * time is up, or the answer is a refusal, which nobody expects.
   */
  private async insist<T>(
    ask: (api: HttpClient) => Promise<Pick<Answer<T>, 'status' | 'body' | 'data'>>,
    until: AbortSignal,
    { once = false } = {},
  ): Promise<T | undefined> {
    const { random, owner } = this.options;
    while (!until.aborted) {
      const answer = await ask(random.pick(owner.apis)).catch(() => undefined);
      if (!answer && once) return undefined;
      const code = answer?.body.error_code ?? null;
      const verdict = verdictOf({ status: answer?.status ?? null, code, replayed: false });
      if (answer && verdict === 'success') return answer.data;
      if (answer && verdict === 'refusal') {
        this.violations.push(`the user API refused with ${answer.status} ${code}`);
        return undefined;
      }
      await delay(PAUSE_MS);
    }
    return undefined;
  }
}
