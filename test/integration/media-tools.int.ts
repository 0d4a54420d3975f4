import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentError } from '../../src/media/agents/agent';
import { cleanLeftovers, makeStepDir } from '../../src/media/tools/leftovers';
import { createMediaTools, MediaTools, type FfmpegCall } from '../../src/media/tools/media-tools';
import { processName } from '../../src/platform/process/process-name';
import { identify, ownIdentity } from '../../src/platform/process/process-identity';
import { KeptLog, runChain } from '../support/media/agent-chain';
import { Specimens } from '../support/media/specimens';

let dir: string;
let pidDir: string;
let tools: MediaTools;
let video: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'media-tools-int-'));
  pidDir = join(dir, 'pids');
  tools = await createMediaTools({
    ffmpegPath: process.env.FFMPEG_PATH,
    ffprobePath: process.env.FFPROBE_PATH,
    allowBundled: true,
    pidDir,
    log: new KeptLog(),
  });
  video = await new Specimens(tools.capabilities.ffmpeg.path, dir).good();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** The running tools that a folder of pid files knows of. */
async function recorded(folder = pidDir): Promise<number[]> {
  return (await readdir(folder)).map((name) => Number(name.split('-')[1]?.split('.')[0]));
}

async function eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`Not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The tools with a shell script in place of ffmpeg, on a host with or without setpriv. */
async function scripted(script: string, parentDeath = true): Promise<MediaTools> {
  const path = join(await mkdtemp(join(dir, 'script-')), 'ffmpeg');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const { ffmpeg, sandbox } = tools.capabilities;
  return new MediaTools(
    { ...tools.capabilities, ffmpeg: { ...ffmpeg, path }, sandbox: { ...sandbox, parentDeath } },
    pidDir,
  );
}

const call = (more: Partial<FfmpegCall> = {}): FfmpegCall => ({
  inputs: [{ path: video, maxDurationS: 10 }],
  output: ['-f', 'null', '-'],
  cwd: dir,
  signal: new AbortController().signal,
  durationS: 10,
  ...more,
});
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof AgentError ? error : undefined),
  );

describe.each([
  ['with the kernel watching', true],
  ['with a watcher shell', false],
])('a tool %s', (_name, parentDeath) => {
  it('answers its exit code and the end of what it said', async () => {
    const exit = await (
      await scripted('echo "frame=3"; echo "progress=end"; echo why >&2; exit 7', parentDeath)
    ).tryFfmpeg(call());

    expect(exit).toMatchObject({ code: 7, stderr: 'why\n', last: { frame: 3, done: true } });
    expect(await recorded()).toEqual([]);
  });

  it('that is aborted goes with all its children, and the promise settles after that', async () => {
    const stubborn =
      "trap '' TERM; sleep 300 & echo $! > child.pid; echo progress=continue; wait; wait; sleep 300";
    const cwd = await mkdtemp(join(dir, 'abort-'));
    const abort = new AbortController();
    const running = (await scripted(stubborn, parentDeath)).tryFfmpeg(
      call({ cwd, signal: abort.signal, onProgress: () => abort.abort() }),
    );

    const started = Date.now();
    expect((await failure(running))?.code).toBe('ABORTED');
    // They would have slept for five minutes.
    expect(Date.now() - started).toBeLessThan(60_000);
    const child = Number(await readFile(join(cwd, 'child.pid'), 'utf8'));
    expect(identify(child)).toBeUndefined();
    expect(await recorded()).toEqual([]);
  });

  it('that gets no further is stopped', async () => {
    const stuck = 'while :; do echo frame=5; echo progress=continue; sleep 0.1; done';
    const error = await failure((await scripted(stuck, parentDeath)).tryFfmpeg(call({ stallMs: 500 })));

    expect(error).toMatchObject({ code: 'TOOL_STALLED', options: { retryable: true } });
  });

  it('that crashes is told from one that refuses its input', async () => {
    const error = await failure(
      (await scripted('echo dying >&2; kill -SEGV $$', parentDeath)).tryFfmpeg(call()),
    );

    expect(error).toMatchObject({ code: 'TOOL_FAILED', options: { retryable: true } });
    expect(error?.options.detail).toContain('dying');
  });
});

describe('a tool', () => {
  it('that takes too long is stopped', async () => {
    const busy = 'n=0; while :; do n=$((n+1)); echo frame=$n; echo progress=continue; sleep 0.1; done';
    const running = (await scripted(busy)).tryFfmpeg(call({ durationS: 1, wallFactor: -29.5 }));

    expect((await failure(running))?.code).toBe('TOOL_TIMEOUT');
  });

  it('that cannot be started says so', async () => {
    const broken = new MediaTools(
      { ...tools.capabilities, ffmpeg: { ...tools.capabilities.ffmpeg, path: join(dir, 'none') } },
      pidDir,
    );

    expect((await failure(broken.ffmpeg(call())))?.code).toBe('TOOL_UNAVAILABLE');
  });

  it('that finds the disk full says so', async () => {
    const full = await scripted('echo "av_interleaved_write_frame(): No space left on device" >&2; exit 1');

    expect(await failure(full.ffmpeg(call()))).toMatchObject({
      code: 'OUT_OF_DISK',
      options: { retryable: true },
    });
  });

  it('sees nothing of our environment', async () => {
    const exit = await (await scripted('env >&2')).tryFfmpeg(call());
    const names = exit.stderr
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);

    expect(
      names.filter(
        (name) => !['PATH', 'LANG', 'PWD', 'GCONV_PATH', '_', 'SHLVL', 'OLDPWD'].includes(name ?? ''),
      ),
    ).toEqual([]);
  });

  it('may not write more than it is allowed, nor reach the network', async () => {
    const { limits, noNetwork } = tools.capabilities.sandbox;
    if (limits) {
      const greedy = await scripted('head -c 3000000 /dev/zero > big.bin');
      const exit = await greedy.tryFfmpeg(call({ maxFileBytes: 1_000_000 })).catch((error: unknown) => error);
      expect(exit instanceof AgentError || (exit as { code: number }).code !== 0).toBe(true);
    }
    if (noNetwork) {
      const exit = await (await scripted('cat /proc/net/dev >&2')).tryFfmpeg(call());
      expect(
        exit.stderr
          .split('\n')
          .filter((line) => line.includes(':'))
          .map((line) => line.trim().split(':')[0]),
      ).toEqual(['lo']);
    }
  });

  it('is not started for a step that was stopped already', async () => {
    expect((await failure(tools.ffmpeg(call({ signal: AbortSignal.abort() }))))?.code).toBe('ABORTED');
  });
});

describe('an agent', () => {
  it('that is stopped in the middle leaves no finished file and no tool', async () => {
    const abort = new AbortController();
    const at = await mkdtemp(join(dir, 'stopped-'));
    const truth = await new Specimens(tools.capabilities.ffmpeg.path, at).truth();
    const stop = (agent: string, fraction: number) => {
      if (agent === 'clip-renderer' && fraction > 0) abort.abort();
    };
    const running = runChain(truth, { tools, dir: at, signal: abort.signal, onProgress: stop });

    expect((await failure(running))?.code).toBe('ABORTED');
    expect(await recorded()).toEqual([]);
    const [workDir = ''] = (await readdir(at)).filter((name) => name.startsWith('clip-renderer-'));
    const left = await readdir(join(at, workDir));
    expect(left.filter((name) => !name.includes('.part-'))).toEqual([]);
  });
});

describe('when a worker is killed', () => {
  const folder = { work: '', pids: '' };
  let worker: ChildProcess;

  beforeEach(async () => {
    folder.work = await mkdtemp(join(dir, 'work-'));
    folder.pids = join(folder.work, 'pids');
  });

  async function startWorker(mode: string): Promise<number> {
    const { ffmpeg, ffprobe } = tools.capabilities;
    const args = [ffmpeg.path, ffprobe.path, folder.pids, folder.work, video, mode];
    const script = join(__dirname, '../support/media/encoding-worker.ts');
    worker = fork(script, args, { execArgv: ['-r', join(__dirname, '../runtime/register.js')] });
    await once(worker, 'message');
    const [pid = 0] = await recorded(folder.pids);
    expect(identify(pid)).toBeDefined();
    return pid;
  }

  it.each(['kernel', 'watcher'])('its tool goes too (%s)', async (mode) => {
    const pid = await startWorker(mode);
    worker.kill('SIGKILL');

    await eventually('the tool is gone', () => identify(pid) === undefined);
  });

  it('the next one clears what it left, and nothing of the living', async () => {
    const mine = await makeStepDir(folder.work);
    await mkdir(folder.pids, { recursive: true });
    // A dead owner: our pid, at another start time.
    const dead = processName({ pid: process.pid, start: 'earlier' });
    await mkdir(join(folder.work, dead, 'step-x'), { recursive: true });
    const orphan = fork(join(__dirname, '../support/media/idle.js'), { detached: true, stdio: 'ignore' });
    await once(orphan, 'message');
    const tool = processName(identify(orphan.pid ?? 0) ?? ownIdentity());
    await writeFile(join(folder.pids, `${dead}-${tool}`), '');
    await writeFile(join(folder.pids, `${dead}-${dead}`), '');
    const gone = once(orphan, 'exit');

    expect(await cleanLeftovers(folder.work, folder.pids)).toEqual({ killed: 1, removedDirs: 1 });
    expect((await gone)[1]).toBe('SIGKILL');
    expect(await readdir(folder.pids)).toEqual([]);
    expect(await readdir(mine)).toEqual([]);
  });
});
