import { readOptions } from './options';

describe('the options of a run', () => {
  it('have defaults, and a seed that differs', () => {
    expect(readOptions([])).toMatchObject({ minutes: 5, clients: 20 });
  });

  it('are read', () => {
    const options = readOptions(['--minutes', '0.5', '--clients', '3', '--seed', '42']);
    expect(options).toEqual({ minutes: 0.5, clients: 3, seed: 42 });
  });

  it.each([
    ['--minutes', '0'],
    ['--minutes', 'long'],
    ['--clients', '1.5'],
    ['--seed', '-1'],
    ['--speed', '9'],
  ])('refuse %s %s', (name, value) => {
    expect(() => readOptions([`${name}=${value}`])).toThrow(name);
  });
});
