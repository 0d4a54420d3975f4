import { readCarrier, storedTrace, traceContextOf, writeCarrier } from './trace-context';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const OTHER = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-${SPAN}-01`;

describe('traceparent', () => {
  it.each([
    ['sampled', PARENT, 1],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, 0],
    ['flags that are not known', `00-${TRACE}-${SPAN}-ff`, 1],
    ['flags of which sampled is none', `00-${TRACE}-${SPAN}-02`, 0],
    ['a future version', `cc-${TRACE}-${SPAN}-01`, 1],
    ['a future version that goes on', `01-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, 1],
    ['the last possible version', `fe-${TRACE}-${SPAN}-01`, 1],
  ])('is read: %s', (_name, traceparent, traceFlags) =>
    expect(readCarrier({ traceparent })).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      traceFlags,
      isRemote: true,
    }),
  );

  it.each([
    ['nothing', undefined],
    ['an empty one', ''],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['a version of one digit', `0-${TRACE}-${SPAN}-01`],
    ['version 00 that goes on', `00-${TRACE}-${SPAN}-01-more`],
    ['version 00 that ends in a dash', `00-${TRACE}-${SPAN}-01-`],
    ['a future version that goes on without a dash', `01-${TRACE}-${SPAN}-01.more`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['capitals in the trace', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['capitals in the span', `00-${TRACE}-${SPAN.toUpperCase()}-01`],
    ['capitals in the flags', `00-${TRACE}-${SPAN}-0A`],
    ['capitals in the version', `0A-${TRACE}-${SPAN}-01`],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['a long span', `00-${TRACE}-${SPAN}0-01`],
    ['other digits', `00-${TRACE.replace('4', 'g')}-${SPAN}-01`],
    ['two of them', `${PARENT}, ${PARENT}`],
    ['a line break', `${PARENT}\n`],
    ['no flags', `00-${TRACE}-${SPAN}`],
  ])('is refused: %s', (_name, traceparent) => expect(readCarrier({ traceparent })).toBeUndefined());

  it('is written as it was read', () => {
    const carrier = { traceparent: PARENT, tracestate: 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7' };
    expect(writeCarrier(readCarrier(carrier)!)).toEqual(carrier);
    expect(writeCarrier(readCarrier({ traceparent: `cc-${TRACE}-${SPAN}-02-x` })!)).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-00`,
    });
  });
});

describe('tracestate', () => {
  const written = (tracestate: string | string[]) => {
    const { parent } = traceContextOf({ traceparent: PARENT, tracestate });
    return parent && writeCarrier(parent).tracestate;
  };

  it.each([
    ['several lines are one list', ['a=1', 'b=2'], 'a=1,b=2'],
    ['spaces around members', 'a=1 , b=2', 'a=1,b=2'],
    ['members that are malformed are left out', 'a=1,B=2,=3,c', 'a=1'],
    [
      'too long a list is left out',
      `a=${'x'.repeat(250)},b=${'y'.repeat(250)},c=${'z'.repeat(250)}`,
      undefined,
    ],
    ['a member named after a secret is left out', 'a=1,password=hunter2,b=2', 'a=1,b=2'],
    ['a member that holds a key is left out', 'a=1,vendor=AKIAIOSFODNN7EXAMPLE', 'a=1'],
    ['a member that holds a token by its name is left out', 'vendor=t:1;token:abc,b=2', 'b=2'],
    [
      "vendors' own are kept",
      'dd=s:2;o:rum;t.usr.id:baz64~~,33@nr=0-0-33-2827902-7d3efb1b1-1-1.3-15',
      'dd=s:2;o:rum;t.usr.id:baz64~~,33@nr=0-0-33-2827902-7d3efb1b1-1-1.3-15',
    ],
    ['nothing', '', undefined],
  ])('%s', (_name, sent, expected) => expect(written(sent)).toBe(expected));

  it('has at most 32 members', () => {
    const members = Array.from({ length: 40 }, (_, i) => `k${i}=${i}`);
    expect(written(members.join(','))?.split(',')).toEqual(members.slice(0, 32));
  });

  it('means nothing without a good traceparent', () =>
    expect(traceContextOf({ traceparent: 'x', tracestate: 'a=1' }).parent).toBeUndefined());
});

describe('the trace of a request', () => {
  const context = (headers: Record<string, string | string[]>) => {
    const { traceId, parent, link } = traceContextOf(headers);
    return { traceId, parent: parent?.spanId, link: link?.spanId };
  };

  it.each([
    ['X-Trace-Id', { 'x-trace-id': 'order-2026-11' }, 'order-2026-11', undefined, undefined],
    ['traceparent', { traceparent: PARENT }, TRACE, SPAN, undefined],
    ['both alike', { 'x-trace-id': TRACE, traceparent: PARENT }, TRACE, SPAN, undefined],
    ['two W3C traces', { 'x-trace-id': OTHER, traceparent: PARENT }, OTHER, undefined, SPAN],
    [
      'a name and a W3C trace',
      { 'x-trace-id': 'order-2026-11', traceparent: PARENT },
      'order-2026-11',
      SPAN,
      undefined,
    ],
    [
      'a bad X-Trace-Id beside a good traceparent',
      { 'x-trace-id': '<b>', traceparent: PARENT },
      TRACE,
      SPAN,
      undefined,
    ],
    [
      'a bad traceparent beside a good X-Trace-Id',
      { 'x-trace-id': OTHER, traceparent: `ff${PARENT.slice(2)}` },
      OTHER,
      undefined,
      undefined,
    ],
  ])('%s', (_name, headers, traceId, parent, link) =>
    expect(context(headers)).toEqual({ traceId, parent, link }),
  );

  it.each([
    ['nothing', {}],
    ['nothing usable', { 'x-trace-id': 'a\r\nb: c', traceparent: 'x' }],
  ])('is a new one for %s', (_name, headers) => {
    expect(context(headers).traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(context(headers).traceId).not.toBe(context(headers).traceId);
  });
});

describe('a stored trace', () => {
  it('goes on under its visible id', () =>
    expect(storedTrace('order-2026-11', { traceparent: PARENT })).toMatchObject({
      traceId: 'order-2026-11',
      parent: { traceId: TRACE, spanId: SPAN },
    }));

  it('needs neither', () => {
    expect(storedTrace(OTHER, null)).toEqual({ traceId: OTHER });
    expect(storedTrace(null, null).traceId).toMatch(/^[0-9a-f]{32}$/);
  });
});
