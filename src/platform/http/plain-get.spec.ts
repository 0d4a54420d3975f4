import type { IncomingMessage } from 'node:http';
import { plainGetHead } from './plain-get';

const request = (rawHeaders: string[], more: Partial<IncomingMessage> = {}) =>
  ({ method: 'GET', httpVersion: '1.1', rawHeaders, ...more }) as IncomingMessage;
const HOST = ['Host', 'x'];

describe('the head of a plain GET', () => {
  it('is what answers look at, whatever the case of the names', () =>
    expect(
      plainGetHead(
        request([
          ...HOST,
          ...[
            'AUTHORIZATION',
            'Bearer t',
            'accept-encoding',
            'br',
            'If-None-Match',
            '"a"',
            'User-Agent',
            'u',
          ],
          ...['X-Forwarded-For', '10.0.0.1', 'X-Trace-Id', 'order-2026'],
        ]),
      ),
    ).toEqual({
      authorization: 'Bearer t',
      acceptEncoding: 'br',
      ifNoneMatch: '"a"',
      forwardedFor: '10.0.0.1',
      traceId: 'order-2026',
    }));

  it.each([
    ['another method', request(HOST, { method: 'HEAD' })],
    ['another version', request(HOST, { httpVersion: '1.0' })],
    ['no host', request([])],
    ['two hosts', request([...HOST, 'HOST', 'x'])],
    ['a field twice', request([...HOST, 'Authorization', 'Bearer t', 'authorization', 'Bearer u'])],
    ['an empty one twice', request([...HOST, 'X-Forwarded-For', '', 'X-Forwarded-For', '10.0.0.1'])],
    ['very many fields', request([...HOST, ...Array.from({ length: 100 }, () => 'a')])],
    ...[
      ...['Api-Version', 'Content-Encoding', 'Content-Length', 'Expect', 'Origin', 'Traceparent'],
      ...['Tracestate', 'Transfer-Encoding', 'Upgrade'],
    ].map((name): [string, IncomingMessage] => [name, request([...HOST, name, '0'])]),
  ])('is none with %s', (_name, given) => expect(plainGetHead(given)).toBeUndefined());
});
