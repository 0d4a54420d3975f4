import { contentDisposition } from './content-disposition';

describe('contentDisposition', () => {
  it('names a plain file plainly', () => {
    expect(contentDisposition('attachment', 'clip-01.mp4')).toBe('attachment; filename="clip-01.mp4"');
    expect(contentDisposition('inline', 'poster.jpg')).toBe('inline; filename="poster.jpg"');
  });

  it('carries any other name in both forms', () => {
    expect(contentDisposition('attachment', 'café (1)*.mp4')).toBe(
      `attachment; filename="caf_ (1)*.mp4"; filename*=UTF-8''caf%C3%A9%20%281%29%2A.mp4`,
    );
  });

  it.each(['a"b.mp4', 'a\\b.mp4', 'a\r\nSet-Cookie: b', '100%.mp4', '../../x'])(
    'lets %j add no parameter or header',
    (name) => {
      const header = contentDisposition('attachment', name);
      expect(header).toMatch(/^attachment; filename="[^"\\%\r\n]*"(; filename\*=UTF-8''[\w!#$&+.^`|~%-]*)?$/);
    },
  );
});
