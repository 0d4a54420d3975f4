import fc from 'fast-check';
import { displayFilename } from './filename';

describe('displayFilename', () => {
  it.each([
    ['holiday.mp4', 'holiday.mp4'],
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\windows\\win.ini', 'win.ini'],
    ['C:\\x', 'x'],
    ['..%2f..%2fetc%2fpasswd', '%2f..%2fetc%2fpasswd'],
    ['a.jpg.php', 'a.jpg.php'],
    ['evil\u202e4pm.exe', 'evil4pm.exe'],
    ['a\r\nSet-Cookie: x=1.mp4', 'aSet-Cookie: x=1.mp4'],
    ['nul\u0000byte.mp4', 'nulbyte.mp4'],
    ['-rf.mp4', 'rf.mp4'],
    ['.htaccess', 'htaccess'],
    ['CON', '_CON'],
    ['con.mp4', '_con.mp4'],
    ['lone\ud800surrogate.mp4', 'lonesurrogate.mp4'],
    ['  two   spaces .mp4  ', 'two spaces .mp4'],
    ['', 'unnamed'],
    ['../', 'unnamed'],
    ['\u202e', 'unnamed'],
  ])('shows %j as %j', (raw, shown) => {
    expect(displayFilename(raw)).toBe(shown);
  });

  it('gives one name for the composed and the decomposed spelling', () => {
    expect(displayFilename('cafe\u0301.mp4')).toBe(displayFilename('caf\u00e9.mp4'));
  });

  it('keeps joined emoji whole', () => {
    expect(displayFilename('👩‍👩‍👧.mp4')).toBe('👩‍👩‍👧.mp4');
  });

  it('shortens the stem and keeps the extension', () => {
    const name = displayFilename(`${'é'.repeat(5000)}.mp4`);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
    expect(name).toMatch(/^é+\.mp4$/);
  });

  it('is safe and settled for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (raw) => {
        const name = displayFilename(raw);
        expect(name).not.toMatch(/[/\\\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        expect(name.length).toBeGreaterThan(0);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(displayFilename(name)).toBe(name);
      }),
    );
  });
});
