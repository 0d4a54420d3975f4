import { wantsProblem } from './accept';

describe('the form of errors that an Accept header asks for', () => {
  it.each([
    'application/problem+json',
    'Application/Problem+JSON; charset=utf-8',
    'application/json, application/problem+json',
    'application/problem+json;q=0.5',
    'application/problem+json, */*',
    'application/problem+json, application/json;q=0.9',
    'application/json;q=0.2, application/problem+json;q=0.3',
    'text/html, application/problem+json;q=0.8, */*;q=0.1',
    // The most exact range counts: JSON is refused here, whatever the wildcard says.
    'application/problem+json;q=0.5, application/json;q=0, */*',
  ])('%s: a problem', (accept) => expect(wantsProblem(accept)).toBe(true));

  it.each([
    undefined,
    '',
    '*/*',
    'application/*',
    'application/json',
    'application/problem+json;q=0',
    'application/problem+json;q=0.0, */*;q=0',
    'application/problem+json;q=0.4, application/json',
    'application/problem+json;q=0.4, */*;q=0.5',
    'application/problem+json;q=nonsense',
    'application/problem+json;q=-1',
    'application/problem+json;q=2',
    'application/problem+jsonx',
    'text/application/problem+json',
    'application/problem+xml',
  ])('%s: the envelope', (accept) => expect(wantsProblem(accept)).toBe(false));
});
