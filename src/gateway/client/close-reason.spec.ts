import { closeReason } from './close-reason';

describe('the reason of a close frame', () => {
  it('is the text, as far as there is room for whole characters', () => {
    expect(closeReason('no token')).toBe('no token');
    expect(closeReason('x'.repeat(200))).toBe('x'.repeat(123));
    expect(closeReason('€'.repeat(100))).toBe('€'.repeat(41));
    expect(closeReason(`xy${'😀'.repeat(100)}`)).toBe(`xy${'😀'.repeat(30)}`);
  });
});
