import { newTraceId, traceIdOf } from './trace-id';

const W3C = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('traceIdOf', () => {
  it('takes a well-formed X-Trace-Id', () =>
    expect(traceIdOf({ 'x-trace-id': 'order-2026-11' })).toBe('order-2026-11'));

  it('takes the trace id of traceparent', () =>
    expect(traceIdOf({ traceparent: `00-${W3C}-00f067aa0ba902b7-01` })).toBe(W3C));

  it.each([
    ['line breaks', 'abcdefgh\r\nset-cookie: x'],
    ['10 KB', 'a'.repeat(10_240)],
    ['HTML', '<script>alert(1)</script>'],
    ['a short one', 'abc'],
  ])('makes a new one instead of %s', (_name, value) =>
    expect(traceIdOf({ 'x-trace-id': value })).toMatch(/^[0-9a-f]{32}$/),
  );

  it('makes a new one instead of an all-zero trace', () =>
    expect(traceIdOf({ traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` })).not.toMatch(/^0+$/));

  it('makes a new one each time', () => expect(newTraceId()).not.toBe(newTraceId()));
});
