import { contentArea, meanPerSecond } from './picture-stats';

const frame = (timeS: number, fields: Record<string, number>) => ({ timeS, fields });
const crop = (x: number, y: number, w: number, h: number) =>
  frame(0, {
    'lavfi.cropdetect.x': x,
    'lavfi.cropdetect.y': y,
    'lavfi.cropdetect.w': w,
    'lavfi.cropdetect.h': h,
  });
const PICTURE = { width: 320, height: 180 };

describe('meanPerSecond', () => {
  const double = (value: number) => value * 2;

  it('gives the mean of each second, scaled; a second without a frame is like the one before', () => {
    const frames = [frame(0, { v: 1 }), frame(0.5, { v: 3 }), frame(2, { v: 5 }), frame(2.5, { other: 9 })];
    expect(meanPerSecond(frames, 'v', 3, double)).toEqual([4, 4, 10]);
  });

  it('counts a frame on the end to the last second, and survives nothing', () => {
    expect(meanPerSecond([frame(3, { v: 1 })], 'v', 3, double)).toEqual([0, 0, 2]);
    expect(meanPerSecond([], 'v', 2, double)).toEqual([0, 0]);
  });
});

describe('contentArea', () => {
  it('finds a letterbox that most frames agree on', () => {
    const frames = [crop(0, 22, 320, 136), crop(0, 22, 320, 136), crop(100, 60, 20, 20)];
    expect(contentArea(frames, PICTURE)).toEqual({ x: 0, y: 0.1222, width: 1, height: 0.7556 });
  });

  it.each([
    ['no frame says anything', []],
    ['the frames do not agree', [crop(0, 22, 320, 136), crop(0, 0, 320, 180)]],
    ['there are no bars', [crop(0, 0, 320, 180)]],
    ['the bars are hardly there', [crop(0, 2, 320, 176)]],
    ['only a corner is lit', [crop(200, 100, 40, 40)]],
    ['the frames are wholly dark', [crop(320, 180, -640, -360)]],
  ])('finds none when %s', (_case, frames) => {
    expect(contentArea(frames, PICTURE)).toBeNull();
  });
});
