import fc from 'fast-check';
import { displaySize, fillFilter, fitShortSide, verticalSize, workingRate } from './geometry';

const size = fc.record({
  width: fc.integer({ min: 2, max: 8192 }),
  height: fc.integer({ min: 2, max: 8192 }),
});

describe('displaySize', () => {
  it('turns and stretches', () => {
    const stored = { width: 1280, height: 720, sampleAspect: 1, rotation: 0 };

    expect(displaySize(stored)).toEqual({ width: 1280, height: 720 });
    expect(displaySize({ ...stored, rotation: 90 })).toEqual({ width: 720, height: 1280 });
    expect(displaySize({ ...stored, rotation: 180 })).toEqual({ width: 1280, height: 720 });
    expect(displaySize({ width: 720, height: 576, sampleAspect: 64 / 45, rotation: 0 })).toEqual({
      width: 1024,
      height: 576,
    });
  });
});

describe('fitShortSide', () => {
  it('gives even sizes that are no larger than the source or the limit', () => {
    fc.assert(
      fc.property(size, (source) => {
        const fitted = fitShortSide(source, 360);

        expect([fitted.width % 2, fitted.height % 2]).toEqual([0, 0]);
        expect(Math.min(fitted.width, fitted.height)).toBeLessThanOrEqual(360);
        expect(fitted.width).toBeLessThanOrEqual(source.width + 1);
        expect(fitted.height).toBeLessThanOrEqual(source.height + 1);
      }),
    );
  });

  it('keeps an even size that fits', () => {
    expect(fitShortSide({ width: 320, height: 180 }, 360)).toEqual({ width: 320, height: 180 });
    expect(fitShortSide({ width: 853, height: 481 }, 1080)).toEqual({ width: 852, height: 480 });
  });
});

describe('verticalSize', () => {
  it.each([
    [1920, 1080, 720, 1280],
    [1280, 720, 720, 1280],
    [320, 180, 180, 320],
    [720, 1280, 720, 1280],
  ])('%i x %i becomes %i x %i', (width, height, w, h) => {
    expect(verticalSize({ width, height })).toEqual({ width: w, height: h });
  });
});

describe('fillFilter', () => {
  it('never cuts more than the scaled picture has', () => {
    fc.assert(
      fc.property(size, fc.double({ min: 0, max: 1, noNaN: true }), (source, cropX) => {
        const target = verticalSize(source);
        const numbers = /scale=(\d+):(\d+),crop=(\d+):(\d+):(\d+):(\d+)/.exec(
          fillFilter(source, target, cropX),
        );
        const [, width = 0, height = 0, w = 0, h = 0, x = 0, y = 0] = (numbers ?? []).map(Number);

        expect([w, h]).toEqual([target.width, target.height]);
        expect(x + w).toBeLessThanOrEqual(width);
        expect(y + h).toBeLessThanOrEqual(height);
      }),
    );
  });
});

describe('workingRate', () => {
  it.each([
    [25, '25/1', 25, '25/1'],
    [30000 / 1001, '30000/1001', 30000 / 1001, '30000/1001'],
    [60, '60/1', 30, '60/2'],
    [60000 / 1001, '60000/1001', 60000 / 2002, '60000/2002'],
    [50, '50/1', 25, '50/2'],
    [120, '120/1', 30, '120/4'],
  ])('works at the grid of %p fps', (fps, frame_rate, worked, text) => {
    expect(workingRate({ fps, frame_rate }, 30)).toEqual({ fps: worked, text });
  });

  it('makes a variable rate 30', () => {
    expect(workingRate({ fps: 14.2, frame_rate: null }, 30)).toEqual({ fps: 30, text: '30' });
  });
});
