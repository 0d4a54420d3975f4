import { planStoryboard, storyboardVtt } from './storyboard';

const VIDEO = { width: 640, height: 360 };

describe('a storyboard', () => {
  it.each([
    ['of a common shape', VIDEO, { width: 160, height: 90 }],
    ['of a phone', { width: 360, height: 640 }, { width: 50, height: 90 }],
    ['as wide as a banner', { width: 3840, height: 96 }, { width: 720, height: 18 }],
    ['as wide as may be', { width: 8192, height: 16 }, { width: 720, height: 2 }],
    ['as high as may be', { width: 16, height: 8192 }, { width: 2, height: 90 }],
  ])('has small pictures of a video %s', (_what, picture, tile) => {
    expect(planStoryboard(10, picture).tile).toEqual(tile);
  });

  it('ends with the video, in times that players can read', () => {
    const vtt = (durationS: number) => storyboardVtt(planStoryboard(durationS, VIDEO), durationS);
    expect(vtt(3.5).split('\n')).toContain('00:00:02.000 --> 00:00:03.500');
    expect(vtt(59.9996).split('\n')).toContain('00:00:58.000 --> 00:01:00.000');
  });
});
