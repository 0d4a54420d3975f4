import { httpSeries } from './http-series';
import { registry } from './metrics';

describe('the series of HTTP requests', () => {
  it('is one for a method and a route', () => {
    expect(httpSeries('GET', '/one')).toBe(httpSeries('GET', '/one'));
    expect(httpSeries('GET', '/one')).not.toBe(httpSeries('POST', '/one'));
    expect(httpSeries('GET', '/one')).not.toBe(httpSeries('GET', '/two'));
  });

  it('is shown as a counter and a histogram, whose buckets hold all that is below them', async () => {
    const series = httpSeries('GET', '/shown');
    for (const seconds of [0.001, 0.004, 0.3, 60]) series.answered(200, seconds);
    series.answered(304, 0.0005);
    httpSeries('unknown', 'unknown').refused(400);
    // Looking twice counts nothing twice.
    await registry.metrics();
    const lines = (await registry.metrics()).split('\n').filter((line) => /^agentos_http_request/.test(line));
    const of = (route: string) => lines.filter((line) => line.includes(`route="${route}"`));
    const bucket = (le: string, value: number) =>
      `agentos_http_request_duration_seconds_bucket{le="${le}",method="GET",route="/shown"} ${value}`;
    expect(of('/shown')).toEqual([
      'agentos_http_requests_total{method="GET",route="/shown",status="200"} 4',
      'agentos_http_requests_total{method="GET",route="/shown",status="304"} 1',
      bucket('0.001', 2),
      bucket('0.005', 3),
      bucket('0.01', 3),
      bucket('0.05', 3),
      bucket('0.1', 3),
      bucket('0.5', 4),
      bucket('1', 4),
      bucket('5', 4),
      bucket('30', 4),
      bucket('+Inf', 5),
      expect.stringMatching(/^agentos_http_request_duration_seconds_sum\{.*\} 60\.305/),
      'agentos_http_request_duration_seconds_count{method="GET",route="/shown"} 5',
    ]);
    expect(of('unknown')).toEqual([
      'agentos_http_requests_total{method="unknown",route="unknown",status="400"} 1',
    ]);
  });
});
