import { ActionOptions, readOptions } from './options.dto';

/** As a request has them: JSON, where a key may be anything. */
const read = (json: string) => readOptions(JSON.parse(json));

describe('the options of an action', () => {
  it('are the defaults where none are given', () => {
    const options = Object.assign(new ActionOptions(), { dry_run: false, wait_ms: 0, explain: false });
    expect(readOptions(undefined)).toEqual({ options });
    expect(read('{}')).toEqual({ options });
  });

  it('are taken as they are given', () => {
    const given = {
      dry_run: true,
      confirm: 'system.backup',
      reason: 'because',
      preview_token: 'abc',
      wait_ms: 30_000,
      explain: true,
    };
    expect(read(JSON.stringify(given))).toEqual({ options: Object.assign(new ActionOptions(), given) });
  });

  it.each([
    ['null', 'options', 'must be an object'],
    ['[]', 'options', 'must be an object'],
    ['{"dry_run":"true"}', 'options.dry_run', 'must be a boolean'],
    ['{"dry_run":null}', 'options.dry_run', 'must be a boolean'],
    ['{"reason":""}', 'options.reason', 'longer than'],
    [`{"reason":"${'x'.repeat(501)}"}`, 'options.reason', '500'],
    ['{"wait_ms":1.5}', 'options.wait_ms', 'integer'],
    ['{"wait_ms":30001}', 'options.wait_ms', '30000'],
    ['{"wait_ms":-1}', 'options.wait_ms', '0'],
    ['{"reason":"because","force":true}', 'options.force', 'is not an option'],
    ['{"constructor":1}', 'options.constructor', 'not allowed'],
    ['{"__proto__":{"dry_run":true}}', 'options.__proto__', 'not allowed'],
  ])('are refused as %s', (json, path, message) => {
    const answer = read(json);
    expect('errors' in answer && answer.errors).toMatchObject([
      { path, message: expect.stringContaining(message) as string },
    ]);
  });

  it('are nothing that hides in an object', () => {
    const answer = read('{"reason":{"a":1}}');
    expect('errors' in answer && answer.errors.map(({ path }) => path)).toContain('options.reason');
  });
});
