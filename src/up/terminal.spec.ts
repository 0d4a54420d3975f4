import { PassThrough } from 'node:stream';
import { excerpt, Terminal } from './terminal';

describe('the terminal', () => {
  it.each([
    [
      '{"level":50,"msg":"Redis is gone","err":{"message":"ECONNREFUSED"}}',
      'ERROR: Redis is gone: ECONNREFUSED',
    ],
    ['{"level":40,"msg":"slow"}', 'warning: slow'],
    ['{"level":30,"msg":"hello"}', undefined],
    ['{"level":50,', undefined],
    ['LOG:  database system is ready', undefined],
  ])('shows of %s: %s', (line, expected) => expect(excerpt(line)).toBe(expected));

  it('lines the table up', () => {
    const out = new PassThrough();
    new Terminal(out).table('Ready', [
      ['API', 'http://localhost:3000'],
      ['Gateway', 'ws://localhost:8765'],
    ]);
    expect(String(out.read())).toBe(
      '\nReady\n  API      http://localhost:3000\n  Gateway  ws://localhost:8765\n\n',
    );
  });
});
