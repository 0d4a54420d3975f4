import { Type } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsString, Max, Min, ValidateNested } from 'class-validator';
import { ActionCommand } from './action-command';
import { MayBeAbsent } from './fields';
import { payloadErrors, validatePayload } from './payload-validator';

class Filter {
  @MayBeAbsent() @IsString() agent?: string;
}

class Example extends ActionCommand<void> {
  @IsInt() @Min(1) @Max(10) count!: number;
  @MayBeAbsent() @IsIn(['csv', 'ndjson']) format: string = 'csv';
  @MayBeAbsent() @IsObject() @ValidateNested() @Type(() => Filter) filter: Filter = new Filter();
}

class Empty extends ActionCommand<void> {}

const paths = (payload: unknown) => payloadErrors(Example, payload).map((error) => error.path);

describe('a payload', () => {
  it('becomes a command, with defaults where nothing is given', () => {
    const validated = validatePayload(Example, { count: 3 });
    expect(validated).toEqual({ command: expect.objectContaining({ count: 3, format: 'csv' }) as unknown });
    expect('command' in validated && validated.command).toBeInstanceOf(Example);
  });

  it('is not converted: a number is no string, and null is not nothing', () => {
    expect(paths({ count: '3' })).toContain('payload.count');
    expect(paths({ count: true })).toContain('payload.count');
    expect(paths({ count: 3, format: null })).toContain('payload.format');
    expect(paths({ count: 3, filter: null })).toContain('payload.filter');
  });

  it('has all that is wrong with it named at once, nested fields by their whole path', () => {
    const payload = { count: 11, format: 'pdf', filter: { agent: 1, role: 'admin' }, extra: 1 };
    expect([...new Set(paths(payload))].sort()).toEqual([
      'payload.count',
      'payload.extra',
      'payload.filter.agent',
      'payload.filter.role',
      'payload.format',
    ]);
  });

  it.each([undefined, null, 'text', 3, [], [{ count: 3 }]])('is an object, and not %j', (payload) => {
    expect(paths(payload)).toEqual(['payload']);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString'])(
    'may not have the key %s, at any depth',
    (key) => {
      // As a parser makes it: an own property, whatever its name.
      const evil = JSON.parse(`{"count": 3, "${key}": {"isAdmin": true}}`) as object;
      expect(paths(evil)).toContain(`payload.${key}`);
      const nested = JSON.parse(`{"count": 3, "filter": {"${key}": 1}}`) as object;
      expect(paths(nested)).toContain(`payload.filter.${key}`);
      expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    },
  );

  it('cannot set what the pipeline sets', () => {
    expect(paths({ count: 3, context: { actor: 'me' } })).toEqual(['payload.context']);
  });

  it('may be empty where the action has no fields, and only then', () => {
    expect(payloadErrors(Empty, {})).toEqual([]);
    expect(payloadErrors(Empty, { any: 1 })).toEqual([
      { path: 'payload.any', pointer: '/payload/any', message: 'is not a field of this action' },
    ]);
  });
});
