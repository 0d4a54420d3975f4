/** The filters whose presence changes what an agent does or can do. */
export const KNOWN_FILTERS = [
  'scdet',
  'blackdetect',
  'freezedetect',
  'silencedetect',
  'ebur128',
  'astats',
  'showwavespic',
  'zscale',
  'tonemap',
  'loudnorm',
  'thumbnail',
  'signalstats',
  'blurdetect',
  'subtitles',
] as const;
export type KnownFilter = (typeof KNOWN_FILTERS)[number];

/** Where a tool was found. */
export type ToolSource = 'configured' | 'path' | 'bundled';

/** One executable. */
export interface ToolInfo {
  path: string;
  source: ToolSource;
  /** As the tool prints it. */
  version: string;
  /** FFmpeg's major release; 0 when it cannot be told. */
  major: number;
}

/** What turns speech into text on this host; nothing of it need be there. */
export interface SpeechToText {
  /** The operator's command, as an argument vector. */
  command?: string[];
  /** Path of `pocketsphinx_continuous`. */
  pocketsphinx?: string;
}

/** What this host's media tools can do; goes into the worker's heartbeat. */
export interface MediaCapabilities {
  ffmpeg: ToolInfo;
  ffprobe: ToolInfo;
  filters: KnownFilter[];
  speechToText: SpeechToText;
  sandbox: { limits: boolean; noNetwork: boolean; parentDeath: boolean };
}

/**
 * Reads the output of `-version`. Builds from git have no release number, so the major comes from libavutil then
 * (52 + release since 2.x: 56 is 4, 57 is 5, ...).
 *
 * @returns undefined if this is not ffmpeg's output
 */
export function parseVersion(text: string): { version: string; major: number } | undefined {
  const version = /^ff(?:mpeg|probe) version (\S+)/m.exec(text)?.[1];
  if (version === undefined) return undefined;
  const release = /^n?(\d{1,2})\./.exec(version)?.[1];
  const libavutil = /^libavutil\s+(\d+)\./m.exec(text)?.[1];
  if (release !== undefined) return { version, major: Number(release) };
  return { version, major: libavutil === undefined ? 0 : Math.max(0, Number(libavutil) - 52) };
}

/** Reads the output of `-filters`: the known ones that the build has. */
export function parseFilters(text: string): KnownFilter[] {
  const names = new Set([...text.matchAll(/^ [T.][S.][C.]? ?(\w+)\s+\S*->\S*/gm)].map((match) => match[1]));
  return KNOWN_FILTERS.filter((filter) => names.has(filter));
}
