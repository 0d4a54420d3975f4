import { ValidationError } from 'class-validator';
import { bodyField, fieldErrors, namedField } from './field-errors';

function tree(property: string, constraints: Record<string, string>, children: ValidationError[] = []) {
  return Object.assign(new ValidationError(), { property, constraints, children });
}

describe('what is wrong with fields', () => {
  const errors = [
    tree('filter', { isObject: 'filter must be an object' }, [
      tree('status', { isIn: 'status is not one of them', isArray: 'status must be an array' }),
    ]),
  ];

  it('is one entry per broken rule, with its way through the body', () => {
    expect(fieldErrors(errors, bodyField, ['payload'])).toEqual([
      { path: 'payload.filter', pointer: '/payload/filter', message: 'filter must be an object' },
      {
        path: 'payload.filter.status',
        pointer: '/payload/filter/status',
        message: 'status is not one of them',
      },
      {
        path: 'payload.filter.status',
        pointer: '/payload/filter/status',
        message: 'status must be an array',
      },
    ]);
  });

  it('has no pointer where there is no body', () => {
    expect(fieldErrors([tree('page', { isInt: 'page must be a number' })], namedField)).toEqual([
      { path: 'page', message: 'page must be a number' },
    ]);
  });

  it('escapes what has a meaning in pointers', () => {
    expect(bodyField(['a/b', 'c~d'], 'x').pointer).toBe('/a~1b/c~0d');
    expect(bodyField([], 'x')).toEqual({ path: '', pointer: '', message: 'x' });
  });

  it('does not repeat endless names', () => {
    const { path, pointer, message } = bodyField(['x'.repeat(10_000)], 'y'.repeat(10_000));
    expect([path.length, pointer?.length, message.length]).toEqual([100, 101, 300]);
  });

  it('halves no character of theirs', () => {
    const [name, text] = [99, 299].map((length) => `${'x'.repeat(length)}\u{1f600}`) as [string, string];
    const field = { path: name, message: text };
    expect(bodyField([`${name}y`], `${text}y`)).toEqual({ ...field, pointer: `/${name}` });
    expect(namedField([`${name}y`], `${text}y`)).toEqual(field);
  });
});
