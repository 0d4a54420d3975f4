import { beginning } from '../../../platform/text/cut';

/** One subtitle. Times in seconds; `text` is plain, lines parted by a line feed. */
export interface Cue {
  start_s: number;
  end_s: number;
  text: string;
}

/** Subtitles of an uploaded file, at most. */
const MAX_CUES = 50_000;
/** Characters of one subtitle, at most. */
const MAX_TEXT = 500;

const TIME = String.raw`(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})`;
const TIMING = new RegExp(String.raw`^\s*${TIME}\s*-->\s*${TIME}(?:\s.*)?$`);
const ENTITIES: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  nbsp: ' ',
  lrm: '',
  rlm: '',
};

/** Reads the bytes of a subtitle file: UTF-8, UTF-16 with a mark, else Windows-1252, which old ones are in. */
export function decodeSubtitles(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/**
 * Takes markup off: tags of SRT and WebVTT, override codes of ASS, character references; and everything that is no
 * text. What is left is safe for every player and for libass.
 */
export function plainText(text: string): string {
  const plain = text
    .replace(/\{\\?[^{}]*\}/g, '')
    .replace(/<\/?[A-Za-z0-9][^<>]*>/g, '')
    .replace(/\\[Nnh]/g, ' ')
    .replace(/&(amp|lt|gt|quot|nbsp|lrm|rlm);/g, (_, name: string) => ENTITIES[name] ?? '')
    // Control characters, and those that turn the direction of the text around.
    .replace(/[^\P{Cc}\n]|[\u200B\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF\uFFFD]/gu, '')
    .replaceAll('\\', '')
    .split('\n')
    .map((line) => line.replace(/[ \t]+/g, ' ').trim())
    .filter((line) => line !== '')
    .join('\n');
  return beginning(plain, MAX_TEXT).toWellFormed();
}

function seconds([hours = '0', minutes = '0', whole = '0', fraction = '0']: readonly (
  string | undefined
)[]): number {
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(whole) + Number(fraction.padEnd(3, '0')) / 1000;
}

/**
 * Reads SubRip (.srt) or WebVTT (.vtt); which of the two makes no difference. What is no subtitle (styles, notes,
 * broken blocks) is passed over. In the order of time.
 */
export function parseSubtitles(content: string): Cue[] {
  const cues: Cue[] = [];
  for (const block of content.replace(/\r\n?/g, '\n').split(/\n[ \t]*\n/)) {
    const lines = block.split('\n');
    const at = lines.findIndex((line) => TIMING.test(line));
    const match = TIMING.exec(lines[at] ?? '');
    if (!match) continue;
    const start_s = seconds(match.slice(1, 5));
    const end_s = seconds(match.slice(5, 9));
    const text = plainText(lines.slice(at + 1).join('\n'));
    if (end_s > start_s && text !== '') cues.push({ start_s, end_s, text });
    if (cues.length === MAX_CUES) break;
  }
  return cues.sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s);
}

/** Subtitles that show for less than this within a clip cannot be read; seconds. */
const LEAST_S = 0.1;

/** The subtitles of a stretch of the video, with times counted from its beginning. */
export function cuesWithin(cues: readonly Cue[], startS: number, endS: number): Cue[] {
  return cues
    .map(({ start_s, end_s, text }) => ({
      start_s: Math.max(0, start_s - startS),
      end_s: Math.min(endS, end_s) - startS,
      text,
    }))
    .filter(({ start_s, end_s }) => end_s - start_s >= LEAST_S);
}

function stamp(timeS: number, separator: ',' | '.'): string {
  const ms = Math.round(timeS * 1000);
  const pad = (value: number, width = 2) => String(value).padStart(width, '0');
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  return `${pad(hours)}:${pad(minutes)}:${pad(Math.floor(ms / 1000) % 60)}${separator}${pad(ms % 1000, 3)}`;
}

/** Writes SubRip. An arrow in a text would begin a new subtitle for some players. */
export function toSrt(cues: readonly Cue[]): string {
  const block = ({ start_s, end_s, text }: Cue, index: number) =>
    `${index + 1}\n${stamp(start_s, ',')} --> ${stamp(end_s, ',')}\n${text.replaceAll('-->', '->')}\n`;
  return cues.map(block).join('\n');
}

/** Writes WebVTT. @see https://www.w3.org/TR/webvtt1/ */
export function toVtt(cues: readonly Cue[]): string {
  const escaped = (text: string) =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const blocks = cues.map(
    ({ start_s, end_s, text }) => `${stamp(start_s, '.')} --> ${stamp(end_s, '.')}\n${escaped(text)}\n`,
  );
  return ['WEBVTT\n', ...blocks].join('\n');
}
