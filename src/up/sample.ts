import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { resolveTools } from '../media/tools/resolve';
import { ApiClient, type ClipView } from './client/api-client';
import { followJob } from './client/follow-job';
import { uploadFile } from './client/upload';
import type { Credentials, Endpoints, LauncherSettings } from './settings';
import { run } from './tools/run';

const SECONDS = 24;

/*
 * 24 s with known truth: cuts at 5, 9, 12, 14 and 18 s, black 12 to 14, frozen from 21 to the end, silence 6 to
 * 8 and 15 to 18.
 */
const PICTURE =
  '[1]negate,vflip[b];[2]hflip[c];[4]negate,vflip[e];[5]hflip,tpad=stop_mode=clone:stop_duration=3[f];' +
  '[0][b][c][3][e][f]concat=n=6:v=1:a=0,format=yuv420p[v];';
const SOUND = "[6]volume=0.5,volume=enable='between(t,6,8)+between(t,15,18)':volume=0[a]";

/** The arguments that make ffmpeg write the sample video to `file`. */
export function sampleArguments(file: string): string[] {
  const scene = (source: string, seconds: number) => [
    '-f',
    'lavfi',
    '-i',
    `${source}size=320x180:rate=25:d=${seconds}`,
  ];
  return [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'],
    ...scene('testsrc2=', 5),
    ...scene('testsrc2=', 4),
    ...scene('testsrc2=', 3),
    ...scene('color=black:', 2),
    ...scene('testsrc2=', 4),
    ...scene('testsrc2=', 3),
    ...['-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${SECONDS}`],
    ...['-filter_complex', PICTURE + SOUND, '-map', '[v]', '-map', '[a]', '-t', String(SECONDS)],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-g', '50', '-c:a', 'aac', '-b:a', '96k'],
    ...['-movflags', '+faststart', file],
  ];
}

/** Whether nothing was ever uploaded or processed here. */
export async function isEmpty(databaseUrl: string): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM jobs LIMIT 1');
    return rowCount === 0;
  } finally {
    await client.end();
  }
}

/**
 * Makes a small video and runs it through, like a user would, so that a new installation has something to show.
 *
 * @returns a sentence about how it went
 */
export async function runSample(
  settings: LauncherSettings,
  endpoints: Endpoints,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<string> {
  const { env } = settings;
  const { ffmpeg } = await resolveTools({
    ffmpegPath: env.ffmpegPath,
    ffprobePath: env.ffprobePath,
    allowBundled: env.allowBundledFfmpeg,
    searchPath: env.searchPath,
  });
  const folder = await mkdtemp(join(env.workDir, 'sample-'));
  try {
    const file = join(folder, 'sample.mp4');
    const { code, output } = await run(ffmpeg.path, sampleArguments(file), { cwd: folder, signal });
    if (code !== 0) return `the sample video could not be made: ${output.trim()}`;
    const api = new ApiClient(endpoints.api_url);
    await api.login(credentials.email, credentials.password);
    const body = { upload_id: await uploadFile(api, file), title: 'Sample: test patterns, 24 s' };
    const { job_id } = await api.request<{ job_id: string }>('POST', '/api/jobs/create', { body });
    const job = await followJob(api, endpoints.ws_url, job_id, () => undefined);
    if (job.status !== 'completed')
      return `the sample job ${job.status}: ${job.error?.message ?? 'no reason given'}`;
    const clips = await api.request<ClipView[]>('GET', `/api/jobs/${job_id}/clips`);
    return `the sample video gave ${clips.length} clips: ${endpoints.api_url}/api/jobs/${job_id}/clips`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
