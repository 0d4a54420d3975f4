import { AllowedMethods } from './allowed-methods';

describe('AllowedMethods', () => {
  const methods = new AllowedMethods();
  methods.add('GET', '/api/jobs/:job_id');
  methods.add(['POST', 'PUT'], '/api/jobs/:job_id');
  methods.add('POST', '/api/jobs/create');
  methods.add('GET', '/docs/*');
  methods.add('GET', '/a.b');

  it.each([
    ['/api/jobs/123', ['GET', 'OPTIONS', 'POST', 'PUT']],
    ['/api/jobs/create', ['GET', 'OPTIONS', 'POST', 'PUT']],
    ['/api/jobs/123?a=/more', ['GET', 'OPTIONS', 'POST', 'PUT']],
    ['/api/jobs/', []],
    ['/api/jobs/123/more', []],
    ['/docs/anything', []],
    ['/a.b', ['GET', 'OPTIONS']],
    ['/aXb', []],
  ])('%s answers %j', (path, expected) => {
    expect(methods.of(path)).toEqual(expected);
  });
});
