import { asW3cTraceId, isTraceId, newTraceId, spanTraceId } from './trace-id';

const W3C = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('isTraceId', () => {
  it.each(['order-2026-11', W3C, 'a'.repeat(64), 'author-4f92', 'token-of-love', W3C.toUpperCase()])(
    'takes %s',
    (value) => expect(isTraceId(value)).toBe(true),
  );

  it.each([
    ['line breaks', 'abcdefgh\r\nset-cookie: x'],
    ['10 KB', 'a'.repeat(10_240)],
    ['HTML', '<script>alert(1)</script>'],
    ['a short one', 'abc'],
    ['a dash in front', '-abcdefgh'],
    ['a list', ['abcdefgh']],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE'],
    ['a token of GitLab', 'glpat-0123456789abcdefghij'],
    ['the head of a JSON Web Token', 'eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9'],
  ])('refuses %s', (_name, value) => expect(isTraceId(value)).toBe(false));
});

describe('the id of the spans', () => {
  it.each([
    ['32 digits', W3C, W3C],
    ['capitals', W3C.toUpperCase(), W3C],
    ['a UUID', '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', W3C],
    ['zeros', '0'.repeat(32), undefined],
    ['a word', 'order-2026-11', undefined],
  ])('of %s', (_name, visible, expected) => expect(asW3cTraceId(visible)).toBe(expected));

  it('is the same in every process, and another one for another name', () => {
    expect(spanTraceId('order-2026-11')).toBe('0a598e7958a3c568302e9d3c477d8e4e');
    expect(spanTraceId('order-2026-12')).not.toBe(spanTraceId('order-2026-11'));
    expect(spanTraceId(W3C)).toBe(W3C);
  });
});

describe('newTraceId', () => {
  it('is a W3C trace id, another one each time', () => {
    expect(asW3cTraceId(newTraceId())).toMatch(/^[0-9a-f]{32}$/);
    expect(newTraceId()).not.toBe(newTraceId());
  });
});
