import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import { ApiClient, ApiError, type ClipView, type JobView } from './client/api-client';
import { followJob, type JobNews } from './client/follow-job';
import { uploadFile } from './client/upload';
import { readJson } from './files';
import { answerHelp } from './help';
import { StartProblem } from './problem';
import { homeFolder, installationFiles, loadDotEnv, type Credentials, type Endpoints } from './settings';

const USAGE = `Usage: npm run demo -- FILE [--url http://host:3000] [--ws ws://host:8765] [--email E --password P]
       [--title T] [--priority 1..10]
Uploads a video, follows its job live and lists the clips. Without --url, the installation started here.`;

/** What the demo was asked to do. */
export interface DemoOptions {
  file: string;
  url: string;
  ws: string;
  email: string;
  password: string;
  title: string | undefined;
  priority: number | undefined;
}

/**
 * Reads the command line; what it leaves open comes from the environment, then from the installation's files.
 *
 * @throws StartProblem with a sentence
 */
export function demoOptions(
  argv: string[],
  env: NodeJS.ProcessEnv,
  installed: { endpoints?: Partial<Endpoints> | undefined; credentials?: Credentials | undefined },
): DemoOptions {
  const text = { type: 'string' } as const;
  const options = { url: text, ws: text, email: text, password: text, title: text, priority: text };
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    throw new StartProblem(`${(error as Error).message}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [file, ...others] = positionals;
  if (!file || others.length > 0) throw new StartProblem(USAGE);
  const url = (values.url ?? installed.endpoints?.api_url ?? `http://localhost:${env.PORT || 3000}`).replace(
    /(?<!\/)\/+$/,
    '',
  );
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new StartProblem(`--url ${url} is no http(s) address.`);
  const email = values.email ?? env.ADMIN_EMAIL ?? installed.credentials?.email ?? 'admin@agentos.local';
  const password = values.password ?? env.ADMIN_PASSWORD ?? installed.credentials?.password;
  if (!password)
    throw new StartProblem('Say who you are: --email E --password P, or ADMIN_EMAIL and ADMIN_PASSWORD.');
  const priority = values.priority === undefined ? undefined : Number(values.priority);
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 1 && priority <= 10)) {
    throw new StartProblem('--priority must be a whole number from 1 to 10.');
  }
  const ws =
    values.ws ?? (values.url ? undefined : installed.endpoints?.ws_url) ?? gatewayOf(url, env.WS_PORT);
  return { file, url, ws, email, password, title: values.title, priority };
}

/** The gateway's usual address beside an API. */
function gatewayOf(url: string, port = '8765'): string {
  const { protocol, hostname } = new URL(url);
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${hostname}:${port || '8765'}`;
}

async function main(): Promise<void> {
  if (answerHelp(process.argv.slice(2), USAGE)) return;
  loadDotEnv();
  const files = installationFiles(homeFolder());
  const endpoints = readJson<Endpoints>(files.endpointsFile);
  const credentials = readJson<Credentials>(files.credentialsFile);
  const options = demoOptions(process.argv.slice(2), process.env, { endpoints, credentials });
  if (!statSync(options.file, { throwIfNoEntry: false })?.isFile()) {
    throw new StartProblem(`There is no file ${options.file}.`);
  }
  const api = new ApiClient(options.url);
  await api.login(options.email, options.password);
  say(`signed in to ${options.url} as ${options.email}`);
  const uploadId = await upload(api, options.file);
  const body = { upload_id: uploadId, title: options.title, priority: options.priority };
  const { job_id } = await api.request<{ job_id: string }>('POST', '/api/jobs/create', { body });
  say(`job ${job_id}`);
  const job = await follow(api, options.ws, job_id);
  if (job.status !== 'completed') {
    throw new StartProblem(
      `The job ${job.status}${job.error ? `: ${job.error.message} (${job.error.code})` : ''}.`,
    );
  }
  await listClips(api, job_id);
}

async function upload(api: ApiClient, file: string): Promise<string> {
  const bar = new SingleBar(
    { format: 'uploading  {bar} {percentage}% | {value}/{total} kB | {eta_formatted}' },
    Presets.shades_classic,
  );
  let started = false;
  const uploadId = await uploadFile(api, file, (sent, total) => {
    if (!started) bar.start(Math.ceil(total / 1024), 0);
    started = true;
    bar.update(Math.ceil(sent / 1024));
  });
  bar.stop();
  return uploadId;
}

async function follow(api: ApiClient, wsUrl: string, jobId: string): Promise<JobView> {
  const bar = new SingleBar(
    { format: 'processing {bar} {percentage}% | {status} {step}' },
    Presets.shades_classic,
  );
  bar.start(100, 0, { status: 'queued', step: '' });
  const job = await followJob(api, wsUrl, jobId, (news: JobNews) => {
    const step = news.agent ? { step: `${news.agent} ${news.stepStatus ?? ''}` } : {};
    bar.update(Math.floor(news.progress * 100), { status: news.status, ...step });
  });
  bar.update({ step: '' });
  bar.stop();
  for (const step of job.steps)
    say(`  ${step.agent.padEnd(18)} ${step.status.padEnd(10)} ${(step.duration_s ?? 0).toFixed(1)} s`);
  return job;
}

async function listClips(api: ApiClient, jobId: string): Promise<void> {
  const clips = await api.request<ClipView[]>('GET', `/api/jobs/${jobId}/clips`);
  say(`${clips.length} clips:`);
  for (const clip of clips) {
    say(`  ${clip.start_s.toFixed(2)} s to ${clip.end_s.toFixed(2)} s, score ${clip.score.toFixed(2)}`);
    for (const { format, width, height, download_url } of clip.variants) {
      say(`    ${format} ${width}x${height}  ${new URL(download_url, api.url).href}`);
    }
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

if (require.main === module) {
  main().catch((error: unknown) => {
    const plain = error instanceof StartProblem || error instanceof ApiError || error instanceof Error;
    process.stderr.write(`${plain ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
