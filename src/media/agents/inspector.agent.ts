import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Agent, AgentResult, AgentRun } from './agent';
import { AgentError } from './agent-error';
import { displaySize } from './support/geometry';
import { measureVideo, soundIsReadable, type Decoded } from './support/integrity';
import { SCHEMA_VERSION, micro, type InspectorOutput, type VideoFacts } from './support/outputs';
import { isTooLarge, refuseUnreadable, refuseUnsupported } from './support/refusals';
import { agentSettings, flagSetting, numberSetting, wholeSetting } from './support/settings';
import { describe } from '../tools/media-tools';
import type { MediaProbe, ProbedStream } from '../tools/probe';
import { sniffFile } from '../tools/sniff';
import {
  checkDimensions,
  checkDuration,
  checkStreams,
  mainAudio,
  mainVideo,
  sayDuration,
  type StreamLimits,
} from '../tools/stream-limits';

const SETTINGS = agentSettings(
  {
    min_duration_s: 3,
    max_duration_s: 4 * 3600,
    max_streams: 8,
    max_dimension: 8192,
    /** Least share of the video that must decode for the job to go on. */
    min_decodable: 0.95,
    /** Go on with what can be decoded of a file that breaks off. */
    accept_partial: false,
  },
  (settings) => ({
    limits: limitsFrom(settings),
    leastDecodable: numberSetting(settings, 'min_decodable', 0, 1),
    acceptPartial: flagSetting(settings, 'accept_partial'),
  }),
);

function limitsFrom(settings: Record<string, unknown>): StreamLimits {
  return {
    minDurationS: numberSetting(settings, 'min_duration_s', 0.5, 3600),
    maxDurationS: numberSetting(settings, 'max_duration_s', 1, 24 * 3600),
    maxStreams: wholeSetting(settings, 'max_streams', 1, 64),
    maxDimension: wholeSetting(settings, 'max_dimension', 16, 8192),
  };
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}

/** The rate differs from frame to frame: the two rates that a file states disagree (twice is interlacing). */
function isVariable({ realFps, averageFps }: ProbedStream): boolean {
  if (realFps === undefined || averageFps === undefined) return true;
  const ratio = realFps / averageFps;
  return Math.abs(ratio - 1) > 0.01 && Math.abs(ratio - 2) > 0.02;
}

function videoFacts(stream: ProbedStream, decoded: Decoded): VideoFacts {
  const size = displaySize(stream);
  const variable = isVariable(stream) || (stream.averageFps ?? 0) > 240;
  const interlaced = !variable && (stream.realFps ?? 0) / (stream.averageFps ?? 1) > 1.5;
  const [above = '0', below = '1'] = (stream.frameRate ?? '0/1').split('/');
  return {
    index: stream.index,
    codec: stream.codec ?? 'unknown',
    width: size.width,
    height: size.height,
    coded_width: stream.width,
    coded_height: stream.height,
    rotation: stream.rotation,
    pixel_format: stream.pixelFormat,
    fps: micro(variable ? decoded.frames / decoded.seconds : (stream.averageFps ?? 30)),
    frame_rate: variable ? null : interlaced ? `${above}/${Number(below) * 2}` : `${above}/${below}`,
    variable_rate: variable,
    hdr: stream.colorTransfer === 'smpte2084' ? 'pq' : stream.colorTransfer === 'arib-std-b67' ? 'hlg' : null,
  };
}

/** What the container claims, checked before anything is decoded. */
function checkClaims(probe: MediaProbe, stderr: string, limits: StreamLimits): ProbedStream {
  checkStreams(probe, limits);
  const video = mainVideo(probe);
  if (!video) throw new AgentError('NO_VIDEO');
  checkDimensions(video, limits);
  if (isTooLarge(stderr))
    throw new AgentError('TOO_LARGE_DIMENSIONS', undefined, { retryable: false, detail: stderr });
  if (video.codec === null || video.codec === 'none' || video.width === 0 || video.height === 0)
    throw new AgentError('UNSUPPORTED_FORMAT', 'The video is in a format that cannot be decoded here.', {
      retryable: false,
    });
  const claimed = video.durationS ?? probe.durationS;
  if (claimed !== undefined) checkDuration(claimed, limits);
  return video;
}

/** Decides whether a damaged file is good enough. @returns warnings for the user */
function judge(decoded: Decoded, leastDecodable: number, acceptPartial: boolean): string[] {
  if (decoded.frames === 0 && isTooLarge(decoded.exit.stderr))
    throw new AgentError('TOO_LARGE_DIMENSIONS', undefined, {
      retryable: false,
      detail: describe(decoded.exit),
    });
  const readable = `${sayDuration(decoded.seconds)} of ${sayDuration(decoded.expectedS)}`;
  const short = decoded.seconds / decoded.expectedS < 0.98;
  if (decoded.clean) return [];
  if (decoded.share >= leastDecodable)
    return [
      short
        ? `The file is damaged: ${readable} could be decoded.`
        : `The file is damaged in places: ${decoded.errorLines} errors were covered up, which may show.`,
    ];
  if (acceptPartial && decoded.seconds > 0)
    return [`The file is damaged: ${readable} could be decoded, and that was used, as asked for.`];
  const how = short
    ? `only ${readable} can be decoded`
    : `about ${Math.round((1 - decoded.share) * 100)} % of its picture cannot be decoded`;
  throw new AgentError(
    'DAMAGED',
    `The file is damaged: ${how}. Upload it again, or set accept_partial to use what is readable.`,
    { retryable: false, detail: describe(decoded.exit) },
  );
}

/** Is this a video that can be processed, and what is in it? Refuses everything else with a reason. */
export const inspector: Agent = {
  id: 'inspector',
  version: '1.0.0',
  title: 'Inspector',
  needs: [],
  defaults: SETTINGS.defaults,
  timeoutS: 7200,
  maxAttempts: 3,
  weight: 10,
  essential: true,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { params, rules } = SETTINGS.of(run);
    const { limits } = rules;
    refuseUnsupported(await sniffFile(run.source.path));
    const { probe, stderr } = await run.tools.probe(run.source.path, {
      cwd: run.workDir,
      signal: run.signal,
    });
    if (!probe) throw refuseUnreadable(stderr);
    const stream = checkClaims(probe, stderr, limits);
    run.progress(0.02);

    const decoded = await measureVideo(run, probe, stream, limits.maxDurationS);
    const warnings = judge(decoded, rules.leastDecodable, rules.acceptPartial);
    if (decoded.seconds > limits.maxDurationS)
      throw new AgentError(
        'TOO_LONG',
        `The video lasts longer than ${sayDuration(limits.maxDurationS)}, which is the most that is allowed.`,
        { retryable: false },
      );
    checkDuration(decoded.seconds, limits);
    run.progress(0.95);

    const sound = mainAudio(probe);
    const readable = sound !== undefined && (await soundIsReadable(run, sound, decoded.seconds));
    if (sound && !readable)
      warnings.push('The sound of this file cannot be decoded; it is treated as silent.');
    const output: InspectorOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      verdict: decoded.clean ? 'ok' : 'damaged',
      container: probe.formatName,
      size: run.source.size,
      sha256: run.source.sha256 ?? (await sha256Of(run.source.path, run.signal)),
      duration_s: micro(decoded.seconds),
      claimed_duration_s: probe.durationS ?? null,
      video: videoFacts(stream, decoded),
      audio: readable
        ? {
            index: sound.index,
            codec: sound.codec ?? 'unknown',
            sample_rate: sound.sampleRate ?? null,
            channels: sound.channels ?? null,
          }
        : null,
      decoded: { frames: decoded.frames, share: micro(decoded.share), error_lines: decoded.errorLines },
      warnings,
    };
    for (const warning of warnings) run.log.warn(warning);
    run.progress(1);
    return { status: 'completed', output };
  },
};
