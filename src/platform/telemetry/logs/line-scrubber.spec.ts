import { LineScrubber } from './line-scrubber';

const KEY = Buffer.alloc(32, 7);

describe('a log line that is about to be written', () => {
  const scrubber = new LineScrubber(() => KEY);
  const written = (fields: object) => JSON.parse(scrubber.scrub(`${JSON.stringify(fields)}\n`)) as unknown;

  it('is as it was where it holds nothing of the kind', () => {
    const line = `${JSON.stringify({ level: 30, time: 1795737600000, pid: 7, source: 'api', context: 'A', msg: 'The author: 3 steps' })}\n`;
    expect(scrubber.scrub(line)).toBe(line);
  });

  it('has no secret that an error repeats, in its message or in its stack', () => {
    const message = 'invalid input syntax for type integer: "password: hunter2"';
    const error = new Error(message);
    const text = scrubber.scrub(
      JSON.stringify({
        level: 50,
        err: { message, stack: error.stack },
        msg: 'at postgres://a:s3cret1@db/x',
      }),
    );
    expect(text).toMatch(/invalid input syntax/);
    expect(text).toMatch(/line-scrubber\.spec/);
    expect(text).not.toMatch(/hunter2|s3cret1/);
  });

  it('has no secret after a line break of a message', () =>
    expect(written({ msg: 'It says\ntoken: abc' })).toEqual({ msg: 'It says\ntoken: [masked]' }));

  it('has nothing under a name that tells, and no personal data but addresses', () =>
    expect(
      written({ token: 'abc', deep: { password: 'x' }, msg: 'jane@example.test at 10.0.0.7:5432' }),
    ).toEqual({
      token: '[masked]',
      deep: { password: '[masked]' },
      msg: expect.stringMatching(/^\[email:[0-9a-f]{12}\] at 10\.0\.0\.7:5432$/),
    }));

  it('may be no JSON at all', () =>
    expect(scrubber.scrub('Bearer abcdefgh1234\n')).toBe('Bearer [masked]\n'));

  it('is rid of secrets before the keys are read, and has pseudonyms from then on', () => {
    const read: { key?: Buffer } = {};
    const early = new LineScrubber(() => read.key);
    const line = JSON.stringify({ msg: 'jane@example.test password=x' });
    expect(early.scrub(line)).toContain('jane@example.test password=[masked]');
    read.key = KEY;
    expect(early.scrub(line)).toMatch(/\[email:[0-9a-f]{12}\] password=\[masked\]/);
  });
});
