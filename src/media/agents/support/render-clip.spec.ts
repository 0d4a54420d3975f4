import { formatsIn } from './render-clip';

describe('the formats of clips', () => {
  it.each<[string, unknown, string[]]>([
    ['as they are called', ['16x9', '9x16', 'original'], ['16x9', '9x16', 'original']],
    ['as they were called once', ['vertical'], ['9x16']],
    ['by both names', ['vertical', '9x16'], ['9x16']],
  ])('are asked for %s', (_how, formats, expected) => {
    expect([...formatsIn({ formats })].sort()).toEqual([...expected].sort());
  });

  it.each([[undefined], ['vertical'], [[]], [['square']]])('are not %j', (formats) => {
    expect(() => formatsIn({ formats })).toThrow(
      expect.objectContaining({ code: 'INVALID_SETTING' }) as Error,
    );
  });
});
