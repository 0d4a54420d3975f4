import { idempotencyKey } from './idempotency-key';

describe('the idempotency key of a request', () => {
  it.each([
    [[], null],
    [['X-Idempotency-Key', 'abc'], 'abc'],
    [['idempotency-key', 'abc'], 'abc'],
    [['Idempotency-Key', '"abc"'], 'abc'],
    [['X-Idempotency-Key', 'abc', 'Idempotency-Key', '"abc"'], 'abc'],
    [['X-Idempotency-Key', 'author=17/2026-11.token~a'], 'author=17/2026-11.token~a'],
    [['Accept', '*/*', 'X-IDEMPOTENCY-KEY', 'a'.repeat(255)], 'a'.repeat(255)],
  ])('among %j is %j', (headers, key) => {
    expect(idempotencyKey(headers)).toBe(key);
  });

  it.each([
    [['X-Idempotency-Key', '']],
    [['X-Idempotency-Key', 'a'.repeat(256)]],
    [['X-Idempotency-Key', 'a b']],
    [['X-Idempotency-Key', 'a:b']],
    [['X-Idempotency-Key', '{tag}']],
    [['X-Idempotency-Key', '*']],
    [['X-Idempotency-Key', 'ключ']],
    [['X-Idempotency-Key', 'a\r\nb']],
    [['X-Idempotency-Key', 'a\0']],
    [['X-Idempotency-Key', 'a', 'X-Idempotency-Key', 'a']],
    [['X-Idempotency-Key', 'a', 'Idempotency-Key', 'b']],
    [['X-Idempotency-Key', 'AKIAIOSFODNN7EXAMPLE']],
    [['X-Idempotency-Key', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl']],
    [['X-Idempotency-Key', 'order-17/token=hunter2']],
  ])('is refused: %j', (headers) => {
    expect(() => idempotencyKey(headers)).toThrow(
      expect.objectContaining({ code: 'IDEMPOTENCY_KEY_INVALID' }),
    );
  });
});
