import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { AgentError } from '../agents/agent-error';
import { parseFilters, parseVersion, type KnownFilter, type ToolInfo, type ToolSource } from './capabilities';
import { TOOL_ENV } from './sandbox';

const run = promisify(execFile);
type ToolName = 'ffmpeg' | 'ffprobe';

/** Releases before this one have too many known holes in their decoders to be picked up from PATH. */
const LEAST_MAJOR = 5;

/** What the resolver may choose from. */
export interface ResolveOptions {
  ffmpegPath?: string | undefined;
  ffprobePath?: string | undefined;
  /** The bundled build of 2018 is for trying out; production refuses it unless told otherwise. */
  allowBundled: boolean;
  /** Folders to look in, `PATH` style. */
  searchPath?: string | undefined;
}

/** A tool that was tried and answered `-version`, or did not. */
export interface Candidate {
  path: string;
  source: ToolSource;
  /** undefined: it cannot be started. */
  found?: { version: string; major: number } | undefined;
}

const VARIABLE = { ffmpeg: 'FFMPEG_PATH', ffprobe: 'FFPROBE_PATH' } as const;

function unavailable(message: string): AgentError {
  return new AgentError('TOOL_UNAVAILABLE', message, { retryable: true });
}

/**
 * Picks one: what was configured, else a recent one on PATH, else the bundled one where it is allowed. Pure.
 *
 * @throws AgentError TOOL_UNAVAILABLE, saying what to do
 */
export function chooseTool(
  name: ToolName,
  candidates: readonly Candidate[],
  allowBundled: boolean,
): ToolInfo {
  const usable = (source: ToolSource) => candidates.find((c) => c.source === source && c.found);
  const info = ({ path, source, found }: Candidate): ToolInfo => ({
    path,
    source,
    version: found?.version ?? 'unknown',
    major: found?.major ?? 0,
  });

  const configured = candidates.find((candidate) => candidate.source === 'configured');
  if (configured && !configured.found)
    throw unavailable(`${VARIABLE[name]} does not name a working ${name}.`);
  if (configured) return info(configured);

  const onPath = usable('path');
  if (onPath && (onPath.found?.major ?? 0) >= LEAST_MAJOR) return info(onPath);

  const bundled = usable('bundled');
  if (bundled && allowBundled) return info(bundled);
  throw unavailable(
    bundled
      ? `No ${name} ${LEAST_MAJOR} or newer was found, and the bundled one is not allowed in production: ` +
          `install ffmpeg, set ${VARIABLE[name]}, or set ALLOW_BUNDLED_FFMPEG=1.`
      : `No ${name} was found: install ffmpeg ${LEAST_MAJOR} or newer, or set ${VARIABLE[name]}.`,
  );
}

async function ask(path: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, [...args], { env: TOOL_ENV, timeout: 20_000, maxBuffer: 4_194_304 });
    return stdout;
  } catch {
    return undefined; // not there, not executable, not for this processor: all the same to the caller
  }
}

async function candidate(path: string, source: ToolSource): Promise<Candidate> {
  const text = await ask(path, ['-version']);
  return { path, source, found: text === undefined ? undefined : parseVersion(text) };
}

/** The bundled binary of this platform, executable. npm unpacks ffprobe's without its exec bit. */
async function bundledPath(name: ToolName): Promise<string | undefined> {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const path = require.resolve(`@${name}-installer/${platform}/${name}`);
    await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
    return path;
  } catch {
    return undefined; // no build for this platform, or it cannot be made executable
  }
}

async function resolveTool(
  name: ToolName,
  configured: string | undefined,
  { allowBundled, searchPath = TOOL_ENV.PATH }: ResolveOptions,
): Promise<ToolInfo> {
  const candidates: Candidate[] = [];
  if (configured) candidates.push(await candidate(configured, 'configured'));
  else {
    for (const dir of searchPath.split(delimiter).filter((part) => isAbsolute(part))) {
      const found = await candidate(join(dir, name), 'path');
      if (!found.found) continue;
      candidates.push(found);
      break; // as a shell would: the first one on PATH
    }
    const bundled = await bundledPath(name);
    if (bundled) candidates.push(await candidate(bundled, 'bundled'));
  }
  return chooseTool(name, candidates, allowBundled);
}

/**
 * Finds ffmpeg and ffprobe and what the former can do.
 *
 * @throws AgentError TOOL_UNAVAILABLE with a sentence that says what to install or set
 */
export async function resolveTools(
  options: ResolveOptions,
): Promise<{ ffmpeg: ToolInfo; ffprobe: ToolInfo; filters: KnownFilter[] }> {
  const [ffmpeg, ffprobe] = await Promise.all([
    resolveTool('ffmpeg', options.ffmpegPath, options),
    resolveTool('ffprobe', options.ffprobePath, options),
  ]);
  const filters = parseFilters((await ask(ffmpeg.path, ['-hide_banner', '-filters'])) ?? '');
  return { ffmpeg, ffprobe, filters };
}
