import { open } from 'node:fs/promises';

/** What the first bytes of a file say that it is. */
export interface Sniffed {
  kind: 'video' | 'audio' | 'image' | 'playlist' | 'other' | 'empty' | 'unknown';
  /** For people: "an MP4 video", "a PNG image". */
  title: string;
}

type Rule = [Sniffed['kind'], title: string, test: (head: Buffer) => boolean];
const at = (head: Buffer, offset: number, text: string) =>
  head.length >= offset + text.length && head.toString('latin1', offset, offset + text.length) === text;
const bytes = (head: Buffer, hex: string) => head.subarray(0, hex.length / 2).toString('hex') === hex;
/** A transport stream has its sync byte at every packet; with one time code word more in .m2ts. */
const synced = (head: Buffer, size: number, offset: number) =>
  head.length > offset + size * 2 && [0, 1, 2].every((n) => head[offset + n * size] === 0x47);

const MP4_BOXES = ['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'];
const AUDIO_BRANDS = ['M4A ', 'M4B ', 'M4P '];

const RULES: readonly Rule[] = [
  [
    'image',
    'an AVIF or HEIC image',
    (h) => at(h, 4, 'ftyp') && /^(avif|avis|heic|heix|mif1)$/.test(h.toString('latin1', 8, 12)),
  ],
  [
    'audio',
    'an M4A sound file',
    (h) => at(h, 4, 'ftyp') && AUDIO_BRANDS.includes(h.toString('latin1', 8, 12)),
  ],
  ['video', 'an MP4 or QuickTime video', (h) => MP4_BOXES.some((box) => at(h, 4, box))],
  ['video', 'a Matroska or WebM video', (h) => bytes(h, '1a45dfa3')],
  ['video', 'an AVI video', (h) => at(h, 0, 'RIFF') && at(h, 8, 'AVI ')],
  ['video', 'an FLV video', (h) => at(h, 0, 'FLV')],
  ['video', 'an Ogg file', (h) => at(h, 0, 'OggS')],
  ['video', 'an MPEG transport stream', (h) => synced(h, 188, 0) || synced(h, 192, 4)],
  ['video', 'an MPEG program stream', (h) => bytes(h, '000001ba')],
  ['audio', 'a WAV sound file', (h) => at(h, 0, 'RIFF') && at(h, 8, 'WAVE')],
  ['audio', 'a FLAC sound file', (h) => at(h, 0, 'fLaC')],
  ['audio', 'an MP3 sound file', (h) => at(h, 0, 'ID3') || (h[0] === 0xff && ((h[1] ?? 0) & 0xe6) === 0xe2)],
  ['image', 'a PNG image', (h) => bytes(h, '89504e470d0a1a0a')],
  ['image', 'a JPEG image', (h) => bytes(h, 'ffd8ff')],
  ['image', 'a GIF image', (h) => at(h, 0, 'GIF8')],
  ['image', 'a WebP image', (h) => at(h, 0, 'RIFF') && at(h, 8, 'WEBP')],
  [
    'playlist',
    'a playlist',
    (h) => /^(\ufeff)?\s*(#EXTM3U|ffconcat |file\s|\[playlist\])/i.test(h.toString('utf8')),
  ],
  ['playlist', 'a DASH manifest', (h) => /<MPD[\s>]/.test(h.toString('utf8'))],
  ['image', 'an SVG image', (h) => /<svg[\s>]/i.test(h.toString('utf8'))],
  ['other', 'a ZIP archive or office document', (h) => bytes(h, '504b0304')],
  ['other', 'a PDF document', (h) => at(h, 0, '%PDF')],
  ['other', 'a program', (h) => bytes(h, '7f454c46') || at(h, 0, 'MZ')],
];

/** Tells a file's kind from its first bytes; names and content types that users send are never asked. Pure. */
export function sniff(head: Buffer): Sniffed {
  if (head.length === 0) return { kind: 'empty', title: 'an empty file' };
  const rule = RULES.find(([, , test]) => test(head));
  return rule ? { kind: rule[0], title: rule[1] } : { kind: 'unknown', title: 'a file of unknown kind' };
}

/** Reads the first 4 KiB of a file and tells its kind. */
export async function sniffFile(path: string): Promise<Sniffed> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(4096);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return sniff(head.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
