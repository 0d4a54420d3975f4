import { AgentError } from '../agents/agent-error';
import type { KnownFilter, MediaCapabilities, SpeechToText, ToolInfo } from './capabilities';
import { ffmpegArgs, ffprobeArgs, type FfmpegCommand } from './guards';
import { PidFiles } from './leftovers';
import type { LoggerLike } from './logger-like';
import { parseProbe, type MediaProbe } from './probe';
import { hasGrown, ProgressParser, type ProgressBlock } from './progress';
import { resolveTools, type ResolveOptions } from './resolve';
import { runProcess, type ProcessExit } from './run-process';
import { detectSandbox } from './sandbox';
import { findSpeechToText } from './speech-to-text';

const GIB = 1024 ** 3;

/**
 * The bundled builds are static: a host's character set modules, loaded into them, crash them (seen with MPEG-TS).
 * Where none are found they do without.
 */
const environmentOf = (tool: ToolInfo): Readonly<Record<string, string>> =>
  tool.source === 'bundled' ? { GCONV_PATH: '/nonexistent' } : {};

/** Signals by which a tool ends itself, or is ended, when it crashes. */
const CRASHES: Partial<Record<NodeJS.Signals, number>> = {
  SIGILL: 4,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
};

/** An ffmpeg call of an agent. */
export interface FfmpegCall extends FfmpegCommand {
  /** The step's private folder; relative output names land there. */
  cwd: string;
  signal: AbortSignal;
  /** Seconds of media that the call goes through: the base of progress and of the time limits. */
  durationS: number;
  /** Seconds of real time allowed per second of media, besides 30 s; 10 unless told. */
  wallFactor?: number;
  /** Milliseconds without any progress after which the tool counts as stuck; 60 s unless told. */
  stallMs?: number;
  /** Largest output file in bytes; 8 GiB unless told. */
  maxFileBytes?: number;
  /** Finished share, 0..1. */
  onProgress?: (fraction: number) => void;
  onStderrLine?: (line: string) => void;
}

/** A call of another tool than ffmpeg. */
export interface OtherCall {
  /** The program, then its arguments; no shell reads it. */
  command: readonly string[];
  /** The step's private folder. */
  cwd: string;
  signal: AbortSignal;
  /** Upper limit in milliseconds of real time. */
  wallMs: number;
  /** Bytes of address space; 2 GiB unless told. */
  memoryBytes?: number;
  onStdoutLine: (line: string) => void;
}

/** How an ffmpeg call ended, with its last progress report. */
export interface FfmpegExit extends ProcessExit {
  last: ProgressBlock | undefined;
}

/** How an ffprobe call ended. */
export interface ProbeResult {
  probe: MediaProbe | undefined;
  stderr: string;
}

/** What {@link createMediaTools} needs. */
export interface MediaToolOptions extends ResolveOptions {
  /** The operator's command for speech to text; see docs/agents.md. */
  asrCommand?: string | undefined;
  /** Where the pids of running tools are recorded; private to this host. */
  pidDir: string;
  log: LoggerLike;
}

/** The only way to ffmpeg and ffprobe: adds the guards, the sandbox and the limits to every call. */
export class MediaTools {
  private readonly pids: PidFiles;

  constructor(
    readonly capabilities: MediaCapabilities,
    pidDir: string,
  ) {
    this.pids = new PidFiles(pidDir);
  }

  /** What turns speech into text here. */
  get speechToText(): SpeechToText {
    return this.capabilities.speechToText;
  }

  /** Whether the ffmpeg in use has this filter. */
  has(filter: KnownFilter): boolean {
    return this.capabilities.filters.includes(filter);
  }

  /** The option that says how frames are kept, dropped or doubled; it got a new name in release 5.1. */
  frameSync(mode: 'passthrough' | 'cfr' | 'vfr'): string[] {
    return [this.capabilities.ffmpeg.major >= 6 ? '-fps_mode' : '-vsync', mode];
  }

  /** For an agent's output: which tool made it. */
  get engine(): string {
    return `ffmpeg ${this.capabilities.ffmpeg.version}`;
  }

  /**
   * Runs ffmpeg; an exit code other than 0 is answered, not thrown, for callers that judge the input.
   *
   * @throws AgentError ABORTED, TOOL_TIMEOUT, TOOL_STALLED, TOOL_UNAVAILABLE, OUT_OF_DISK
   */
  async tryFfmpeg(call: FfmpegCall): Promise<FfmpegExit> {
    const { ffmpeg, sandbox } = this.capabilities;
    const parser = new ProgressParser();
    let last: ProgressBlock | undefined;
    const wallMs = 30_000 + (call.wallFactor ?? 10) * call.durationS * 1000;
    const exit = await runProcess(
      {
        command: [ffmpeg.path, ...ffmpegArgs(call, ffmpeg.major)],
        cwd: call.cwd,
        env: environmentOf(ffmpeg),
        signal: call.signal,
        // Two threads and a filter thread or two: CPU time runs ahead of real time.
        limits: { cpuS: (wallMs / 1000) * 4, fileBytes: call.maxFileBytes ?? 8 * GIB, memoryBytes: 2 * GIB },
        wallMs,
        stallMs: call.stallMs ?? 60_000,
        onStdoutLine: (line, alive) => {
          const block = parser.push(line);
          if (!block) return;
          if (hasGrown(last, block)) alive();
          last = block;
          if (call.durationS > 0) call.onProgress?.(Math.min(1, (block.outTimeS ?? 0) / call.durationS));
        },
        ...(call.onStderrLine ? { onStderrLine: call.onStderrLine } : {}),
      },
      sandbox,
      this.pids,
    );
    refuseForeignEnds(exit);
    return { ...exit, last };
  }

  /**
   * Runs ffmpeg where its input is known to be good.
   *
   * @throws AgentError as {@link tryFfmpeg}, and TOOL_FAILED for an exit code other than 0
   */
  async ffmpeg(call: FfmpegCall): Promise<FfmpegExit> {
    const exit = await this.tryFfmpeg(call);
    if (exit.code !== 0)
      throw new AgentError('TOOL_FAILED', undefined, { retryable: true, detail: describe(exit) });
    return exit;
  }

  /**
   * Runs another tool in the same sandbox: no network, own process group, limits. An exit code other than 0 is
   * answered, not thrown.
   *
   * @throws AgentError ABORTED, TOOL_TIMEOUT, TOOL_UNAVAILABLE, OUT_OF_DISK, TOOL_FAILED (crashes)
   */
  async other({ wallMs, memoryBytes, ...call }: OtherCall): Promise<ProcessExit> {
    const limits = { cpuS: (wallMs / 1000) * 4, fileBytes: GIB, memoryBytes: memoryBytes ?? 2 * GIB };
    const exit = await runProcess({ ...call, wallMs, limits }, this.capabilities.sandbox, this.pids);
    refuseForeignEnds(exit);
    return exit;
  }

  /**
   * Asks ffprobe about a file.
   *
   * @param path absolute, server-made
   * @returns without `probe` when the file could not be opened
   */
  async probe(
    path: string,
    where: { cwd: string; signal: AbortSignal },
    extra: readonly string[] = [],
  ): Promise<ProbeResult> {
    const lines: string[] = [];
    let size = 0;
    const exit = await runProcess(
      {
        command: [this.capabilities.ffprobe.path, ...ffprobeArgs(path, extra)],
        cwd: where.cwd,
        env: environmentOf(this.capabilities.ffprobe),
        signal: where.signal,
        limits: { cpuS: 60, fileBytes: 0, memoryBytes: 2 * GIB },
        wallMs: 60_000,
        // A file may carry any amount of tags: what does not fit is cut, and then is no JSON.
        onStdoutLine: (line) => {
          size += line.length;
          if (size <= 4_194_304) lines.push(line);
        },
      },
      this.capabilities.sandbox,
      this.pids,
    );
    refuseForeignEnds(exit);
    return { probe: exit.code === 0 ? parseProbe(lines.join('\n')) : undefined, stderr: exit.stderr };
  }
}

/** For the log view: how a tool ended and what it said. */
export function describe(exit: ProcessExit): string {
  const end = exit.signal ? `ended by ${exit.signal}` : `exit code ${exit.code}`;
  return `${end}\n${exit.stderr}`.trim();
}

/** Ends that say something about this host and nothing about the input. */
function refuseForeignEnds(exit: ProcessExit): void {
  const detail = describe(exit);
  // The watcher shell answers 128 + the signal's number.
  const is = (signal: NodeJS.Signals, number: number) => exit.signal === signal || exit.code === 128 + number;
  if (/No space left on device|Disk quota exceeded/i.test(exit.stderr) && exit.code !== 0)
    throw new AgentError('OUT_OF_DISK', undefined, { retryable: true, detail });
  // What a shell, or prlimit in its place, answers for a program that it cannot start.
  if (exit.code === 126 || exit.code === 127)
    throw new AgentError('TOOL_UNAVAILABLE', undefined, { retryable: true, detail });
  if (is('SIGXCPU', 24)) throw new AgentError('TOOL_TIMEOUT', undefined, { retryable: true, detail });
  if (is('SIGXFSZ', 25))
    throw new AgentError('TOOL_FAILED', 'The media tool wrote more than it is allowed to.', {
      retryable: true,
      detail,
    });
  const crash = Object.entries(CRASHES).some(([signal, number]) => is(signal as NodeJS.Signals, number));
  if (crash)
    throw new AgentError('TOOL_FAILED', 'The media tool crashed, or was ended from outside.', {
      retryable: true,
      detail,
    });
}

/**
 * Finds the tools and what this host can do. Once per worker, at its start.
 *
 * @throws AgentError TOOL_UNAVAILABLE with a sentence that says what to install or set
 */
export async function createMediaTools(options: MediaToolOptions): Promise<MediaTools> {
  const { ffmpeg, ffprobe, filters } = await resolveTools(options);
  const sandbox = detectSandbox(options.log);
  if (ffmpeg.source === 'bundled')
    options.log.warn('Using the bundled ffmpeg of 2018: fit for trying out, not for files from strangers.');
  const speechToText = await findSpeechToText(options.asrCommand, options.searchPath);
  return new MediaTools({ ffmpeg, ffprobe, filters, sandbox, speechToText }, options.pidDir);
}
