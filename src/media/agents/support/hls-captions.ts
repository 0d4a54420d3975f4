import type { ClipCaptionsDraft } from '../agent';

/** A file of a stream, as its playlist names it. */
export interface HlsFile {
  name: string;
  /** In bytes. */
  size: number;
}

/** What a playlist of several tracks says of its picture and sound. */
export interface MainTrack {
  /** The name of its own playlist. */
  playlist: string;
  width: number;
  height: number;
  /** Bits per second: of the densest segment, and of all on average. */
  bandwidth: number;
  averageBandwidth: number;
  /** As in RFC 6381; undefined where they cannot be told. */
  codecs: string | undefined;
}

/** A playlist with the picture and sound of a clip and its subtitles (RFC 8216, section 4.3.4). */
export function masterPlaylist(
  main: MainTrack,
  captions: { playlist: string; track: ClipCaptionsDraft },
): string {
  const { language, draft } = captions.track;
  const title = draft ? 'Captions (automatic)' : 'Captions';
  const media = [
    'TYPE=SUBTITLES,GROUP-ID="captions"',
    `NAME="${title}"`,
    ...(language !== null && /^[A-Za-z0-9-]+$/.test(language) ? [`LANGUAGE="${language}"`] : []),
    `DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="${captions.playlist}"`,
  ];
  const stream = [
    `BANDWIDTH=${main.bandwidth},AVERAGE-BANDWIDTH=${main.averageBandwidth}`,
    ...(main.codecs === undefined ? [] : [`CODECS="${main.codecs}"`]),
    `RESOLUTION=${main.width}x${main.height},SUBTITLES="captions"`,
  ];
  return lines(
    '#EXT-X-VERSION:7',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MEDIA:${media.join(',')}`,
    `#EXT-X-STREAM-INF:${stream.join(',')}`,
    main.playlist,
  );
}

/** A playlist of one WebVTT file that is as long as the clip. */
export function captionsPlaylist(file: string, durationS: number): string {
  return lines(
    '#EXT-X-VERSION:7',
    `#EXT-X-TARGETDURATION:${Math.ceil(durationS)}`,
    '#EXT-X-MEDIA-SEQUENCE:0',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    `#EXTINF:${durationS.toFixed(3)},`,
    file,
    '#EXT-X-ENDLIST',
  );
}

/** Bits per second of a stream, from its own playlist and the sizes of its files. */
export function bandwidthOf(
  playlist: string,
  files: readonly HlsFile[],
): Pick<MainTrack, 'bandwidth' | 'averageBandwidth'> {
  const sizes = new Map(files.map(({ name, size }) => [name, size]));
  let [most, bits, seconds] = [0, 0, 0];
  for (const [, length, name = ''] of playlist.matchAll(/^#EXTINF:([\d.]+),.*\n([^#\n]+)$/gm)) {
    const segment = (sizes.get(name) ?? 0) * 8;
    most = Math.max(most, segment / Number(length));
    bits += segment;
    seconds += Number(length);
  }
  return { bandwidth: Math.ceil(most), averageBandwidth: Math.ceil(bits / seconds) };
}

/** The codecs of a stream as RFC 6381 writes them, from the head of its files: H.264 by profile and level, and AAC. */
export function codecsOf(head: Buffer): string | undefined {
  const avc = head.indexOf('avcC');
  if (avc === -1) return undefined;
  // Behind the name: the version of the record, then profile, constraints and level.
  const video = `avc1.${head.subarray(avc + 5, avc + 8).toString('hex')}`;
  return head.includes('mp4a') ? `${video},mp4a.40.2` : video;
}

function lines(...text: string[]): string {
  return ['#EXTM3U', ...text, ''].join('\n');
}
