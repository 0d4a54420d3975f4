/** A rational that ffprobe printed, as a number; undefined for 0/0 and nonsense. */
export function parseRational(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const [above = NaN, below = 1] = text.split(/[/:]/).map(Number);
  const value = above / below;
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/** One stream of a file. */
export interface ProbedStream {
  index: number;
  type: 'video' | 'audio' | 'other';
  codec: string | null;
  durationS: number | undefined;
  startS: number | undefined;
  /** From the container's header; may lie. */
  frames: number | undefined;
  /** A cover image, not a video. */
  attachedPicture: boolean;
  width: number;
  height: number;
  /** Width of a pixel over its height. */
  sampleAspect: number;
  /** Clockwise turn for display: 0, 90, 180, 270. */
  rotation: number;
  pixelFormat: string | null;
  /** `r_frame_rate` as ffprobe printed it, for exact use in filters. */
  frameRate: string | null;
  realFps: number | undefined;
  averageFps: number | undefined;
  colorTransfer: string | null;
  sampleRate: number | undefined;
  channels: number | undefined;
}

/** What ffprobe says about a file. All of it is a claim of the file, not a fact. */
export interface MediaProbe {
  formatName: string;
  durationS: number | undefined;
  startS: number;
  bitRate: number | undefined;
  streams: ProbedStream[];
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const fields = (value: unknown): Fields => (isFields(value) ? value : {});
const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | undefined => {
  const parsed = typeof value === 'number' ? value : typeof value === 'string' ? parseFloat(value) : NaN;
  return Number.isFinite(parsed) ? parsed : undefined;
};

/** From the display matrix (any current ffprobe) or the old `rotate` tag, brought to 0, 90, 180 or 270 clockwise. */
function rotationOf(stream: Fields): number {
  const fromMatrix = list(stream.side_data_list)
    .map((data) => number(data.rotation))
    .find((value) => value !== undefined);
  const degrees = fromMatrix === undefined ? (number(fields(stream.tags).rotate) ?? 0) : -fromMatrix;
  return (((Math.round(degrees / 90) * 90) % 360) + 360) % 360;
}

function parseStream(stream: Fields): ProbedStream {
  const type = text(stream.codec_type);
  return {
    index: number(stream.index) ?? 0,
    type: type === 'video' || type === 'audio' ? type : 'other',
    codec: text(stream.codec_name),
    durationS: number(stream.duration) ?? taggedDuration(fields(stream.tags)),
    startS: number(stream.start_time),
    frames: number(stream.nb_frames),
    attachedPicture: number(fields(stream.disposition).attached_pic) === 1,
    width: number(stream.width) ?? 0,
    height: number(stream.height) ?? 0,
    sampleAspect: parseRational(stream.sample_aspect_ratio) ?? 1,
    rotation: rotationOf(stream),
    pixelFormat: text(stream.pix_fmt),
    frameRate: text(stream.r_frame_rate),
    realFps: parseRational(stream.r_frame_rate),
    averageFps: parseRational(stream.avg_frame_rate),
    colorTransfer: text(stream.color_transfer),
    sampleRate: number(stream.sample_rate),
    channels: number(stream.channels),
  };
}

/** Matroska keeps a stream's duration in a tag: `00:00:05.000000000`. */
function taggedDuration(tags: Fields): number | undefined {
  const match = /^(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text(tags.DURATION) ?? '');
  return match ? Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]) : undefined;
}

/**
 * Reads the JSON of `ffprobe -show_format -show_streams`.
 *
 * @returns undefined when it holds no format: the file was not opened
 */
export function parseProbe(json: string): MediaProbe | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return undefined; // ffprobe was stopped in the middle of its answer
  }
  const format = fields(fields(parsed).format);
  const formatName = text(format.format_name);
  if (formatName === null) return undefined;
  return {
    formatName,
    durationS: number(format.duration),
    startS: number(format.start_time) ?? 0,
    bitRate: number(format.bit_rate),
    streams: list(fields(parsed).streams).map(parseStream),
  };
}
