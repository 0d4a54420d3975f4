import type { ClipCaptionsDraft } from '../agent';
import { bandwidthOf, captionsPlaylist, codecsOf, masterPlaylist } from './hls-captions';

describe('a stream with subtitles', () => {
  const main = { playlist: 'a-media.m3u8', width: 1080, height: 1920, bandwidth: 900, averageBandwidth: 700, codecs: 'avc1.64001f,mp4a.40.2' }; // prettier-ignore
  const track: ClipCaptionsDraft = { origin: 'uploaded', draft: false, language: 'nl', srt_artifact_id: 's', vtt_artifact_id: 'v' }; // prettier-ignore

  it('names both tracks', () => {
    expect(masterPlaylist(main, { playlist: 'a-captions.m3u8', track })).toBe(
      `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",LANGUAGE="nl",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="a-captions.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900,AVERAGE-BANDWIDTH=700,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1080x1920,SUBTITLES="captions"
a-media.m3u8
`,
    );
  });

  it('says what was written by a machine, and lets no language break out of its quotes', () => {
    const text = (language: string | null) =>
      masterPlaylist(main, { playlist: 'c', track: { ...track, draft: true, language } });
    expect(text(null)).toContain('NAME="Captions (automatic)",DEFAULT=NO');
    expect(text('en",URI="http://elsewhere')).not.toContain('elsewhere');
  });

  it('has its subtitles in one file', () => {
    expect(captionsPlaylist('a-captions.vtt', 12.34)).toBe(
      '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:13\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n' +
        '#EXTINF:12.340,\na-captions.vtt\n#EXT-X-ENDLIST\n',
    );
  });

  it('tells how many bits a second it takes, at the most and on average', () => {
    const playlist = '#EXTM3U\n#EXTINF:4.000000,\nx-000.m4s\n#EXTINF:1.000000,\nx-001.m4s\n#EXT-X-ENDLIST\n';
    const files = [
      { name: 'x-000.m4s', size: 400 },
      { name: 'x-001.m4s', size: 200 },
      { name: 'x-init.mp4', size: 9_999 },
    ];
    expect(bandwidthOf(playlist, files)).toEqual({ bandwidth: 1_600, averageBandwidth: 960 });
  });

  it('tells its codecs', () => {
    const avc = Buffer.from('....avcC\x01\x64\x00\x1f....', 'latin1');
    expect(codecsOf(avc)).toBe('avc1.64001f');
    expect(codecsOf(Buffer.concat([avc, Buffer.from('mp4a')]))).toBe('avc1.64001f,mp4a.40.2');
    expect(codecsOf(Buffer.from('hvc1'))).toBeUndefined();
  });
});
