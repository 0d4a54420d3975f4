import { sniff } from './sniff';

const box = (type: string, brand = '') =>
  Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(type + brand, 'latin1'), Buffer.alloc(16)]);
const packets = (size: number, offset: number) => {
  const head = Buffer.alloc(size * 4, 1);
  for (let at = offset; at < head.length; at += size) head[at] = 0x47;
  return head;
};

describe('sniff', () => {
  it.each<[string, Buffer, string]>([
    ['MP4', box('ftyp', 'isom'), 'video'],
    ['old QuickTime', box('moov'), 'video'],
    ['Matroska', Buffer.from('1a45dfa3934282886d6174726f736b61', 'hex'), 'video'],
    ['AVI', Buffer.from('RIFF\x01\x02\x03\x04AVI LIST', 'latin1'), 'video'],
    ['FLV', Buffer.from('FLV\x01', 'latin1'), 'video'],
    ['transport stream', packets(188, 0), 'video'],
    ['Blu-ray transport stream', packets(192, 4), 'video'],
    ['program stream', Buffer.from('000001ba44', 'hex'), 'video'],
    ['M4A', box('ftyp', 'M4A '), 'audio'],
    ['HEIC', box('ftyp', 'heic'), 'image'],
    ['WAV', Buffer.from('RIFF\x01\x02\x03\x04WAVEfmt ', 'latin1'), 'audio'],
    ['MP3', Buffer.from('ID3\x04', 'latin1'), 'audio'],
    ['PNG', Buffer.from('89504e470d0a1a0a', 'hex'), 'image'],
    ['HLS', Buffer.from('#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd'), 'playlist'],
    ['ffconcat', Buffer.from('ffconcat version 1.0\nfile /etc/passwd'), 'playlist'],
    ['concat without a header', Buffer.from("file '/etc/passwd'\n"), 'playlist'],
    ['DASH', Buffer.from('<?xml version="1.0"?>\n<MPD xmlns="x">'), 'playlist'],
    ['SVG', Buffer.from('<svg xmlns="x"><image href="file:///etc/passwd"/></svg>'), 'image'],
    ['ZIP', Buffer.from('504b0304', 'hex'), 'other'],
    ['nothing', Buffer.alloc(0), 'empty'],
    ['zeros', Buffer.alloc(100), 'unknown'],
    ['text', Buffer.from('hello world'), 'unknown'],
  ])('knows %s', (_name, head, kind) => {
    expect(sniff(head).kind).toBe(kind);
  });
});
