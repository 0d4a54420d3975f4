import type { Watch } from '../../../support/canaries/watch';
import { awsKey, jwt, word } from '../../../support/canaries/secrets';

/** Paths, queries and headers. */
export function headsWithSecrets(watching: () => Watch): void {
  let watch: Watch;
  beforeAll(() => {
    watch = watching();
  });
  const plant = (...args: Parameters<Watch['canaries']['plant']>) => watch.canaries.plant(...args);
  const PAUSE = ['queue.resume', { queue: 'all' }] as const;

  it('of the trace', async () => {
    const act = (headers: Record<string, string>) => watch.act(...PAUSE, undefined, headers);
    const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect(await act({ 'x-trace-id': plant('a key of AWS as the trace', awsKey()) })).toBe(200);
    expect(await act({ 'x-trace-id': plant('a token as the trace', jwt()) })).toBe(200);
    expect(await act({ 'x-trace-id': plant('the head of a token as the trace', jwt().split('.')[0]) })).toBe(
      200,
    );
    const home = /audit_entries|executions|^answers|^frames|^redis |commands|^file|spans/;
    expect(await act({ 'x-trace-id': plant('a name of a trace', word(), home) })).toBe(200);
    const states = [
      `vendor=${plant('a token in the state of a trace', jwt())}`,
      `password=${plant('a password in the state of a trace')}`,
      `a=1,vendor=${plant('a key in the state of a trace', awsKey())}`,
      `vendor=token:${plant('a token with its name in the state of a trace')}`,
    ];
    for (const tracestate of states) {
      expect(await act({ traceparent: parent, tracestate })).toBe(200);
      await watch.admin.action(
        'queue.clear',
        { queue: 'inspector' },
        {
          headers: { traceparent: parent, tracestate },
        },
      );
    }
    expect(await act({ traceparent: `00-${plant('a traceparent')}-01` })).toBe(200);
    expect(await act({ baggage: `token=${plant('baggage')}` })).toBe(200);
  });

  it('of keys', async () => {
    const act = (key: string) => watch.act(...PAUSE, { explain: true }, { 'x-idempotency-key': key });
    expect(await act(plant('a token as the key', jwt()))).toBe(400);
    expect(await act(plant('a key of AWS as the key', awsKey()))).toBe(400);
    expect(await act(`token=${plant('a named token as the key')}`)).toBe(400);
    expect(await act(`Bearer ${plant('a malformed key')}`)).toBe(400);
  });

  it('of other headers', async () => {
    const act = (headers: Record<string, string>) => watch.act(...PAUSE, undefined, headers);
    await act({ 'user-agent': `x/1 (token=${plant('a user agent')})` });
    await act({ 'user-agent': `x/1 ${plant('a token as user agent', jwt())}` });
    await act({ cookie: `session=${plant('a cookie')}` });
    await act({ 'x-api-key': plant('an API key') });
    await act({ 'proxy-authorization': `Basic ${plant('an authorization for a proxy')}` });
    await act({ referer: `https://x.test/?token=${plant('a referrer')}` });
    await act({ origin: `https://${plant('an origin')}.test` });
    await act({ 'x-forwarded-for': plant('a forwarded address') });
    await act({ accept: `text/${plant('a type that is wanted')}` });
    await act({ 'content-type': `application/json; charset=${plant('a charset')}` });
    await act({ 'api-version': plant('a version') });
    const strangers = [plant('a bad access token'), plant('a bad token of the right form', jwt())];
    for (const token of strangers)
      for (const api of [0, 1]) {
        const stranger = watch.admin.as(token).at(watch.cluster.url(api));
        await stranger.action(...PAUSE);
        await stranger.get('/api/jobs/history');
        await stranger.post('/api/upload/init', {});
      }
  });

  it('of paths and queries', async () => {
    const paths = [
      `/api/admin/ssot?access_token=${plant('a query')}`,
      `/api/admin/ssot?sections=${plant('a value of a query')}`,
      `/api/jobs/history?status=${plant('a filter')}&per_page=${plant('a size of a page')}`,
      `/api/admin/action/status?execution_id=${plant('an id in a query')}`,
      `/api/jobs/${plant('an id in a path')}`,
      `/api/jobs/status/${plant('a status in a path')}`,
      `/api/agents/${plant('an agent in a path')}`,
      `/api/downloads/${plant('a link')}`,
      `/api/downloads/${plant('a link with a name', jwt())}/${plant('a name in a link')}`,
      `/${plant('a path of nobody')}`,
      `/api/%E0%A4%A${plant('a path that cannot be decoded')}`,
      `/docs/${plant('a path of the documentation')}`,
      `/admin/${plant('a path of the console')}`,
    ];
    for (const path of paths)
      for (const api of [0, 1]) {
        await watch.admin.at(watch.cluster.url(api)).get(path);
        await watch.admin.at(watch.cluster.url(api)).post(path, {});
      }
  });
}
